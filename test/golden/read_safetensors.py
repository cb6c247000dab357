"""An independent reader of safetensors files, from the description of the format alone: struct, json and hashlib.
Prints one JSON object {name: {dtype, shape, values}} plus the metadata and whether both hashes of the file are right."""
import hashlib
import json
import struct
import sys

LETTER = {"F64": "d", "F32": "f", "I32": "i", "U8": "B", "I64": "q", "BOOL": "B", "BF16": "H", "F16": "H"}

data = open(sys.argv[1], "rb").read()
(length,) = struct.unpack_from("<Q", data)
text, body = data[8 : 8 + length], data[8 + length :]
header = json.loads(text)
metadata = header.pop("__metadata__", {})
tensors = {}
for name, entry in header.items():
    begin, end = entry["data_offsets"]
    letter = LETTER[entry["dtype"]]
    count = (end - begin) // struct.calcsize(letter)
    values = struct.unpack("<%d%s" % (count, letter), body[begin:end])
    tensors[name] = {"dtype": entry["dtype"], "shape": entry["shape"], "values": values}
own = metadata["mg_header_sha256"].encode()
hashes = [
    hashlib.sha256(body).hexdigest() == metadata["mg_body_sha256"],
    hashlib.sha256(text.replace(own, b"0" * 64)).hexdigest() == own.decode(),
]
json.dump({"tensors": tensors, "metadata": metadata, "hashes": hashes}, sys.stdout)
