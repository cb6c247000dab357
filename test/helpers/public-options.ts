/** The public functions that take an object of options, found by the compiler: name, place and type of each such parameter. */
import ts from 'typescript';
import { fileURLToPath } from 'node:url';

export interface OptionParameter {
  /** `Tensor.from`, `new optim.Adam`, `models.DNC#step`. */
  readonly name: string;
  readonly index: number;
  readonly parameter: string;
  readonly type: string;
}

const lib = fileURLToPath(new URL('../../lib/', import.meta.url));

/**
 * One row for each parameter of an object type with optional properties: there a misspelt name would pass. (Where all are needed,
 * it is one that is missing.) Inherited methods count once, at the first class that has them.
 */
export function publicOptions(): OptionParameter[] {
  const config = ts.readConfigFile(`${lib}tsconfig.json`, ts.sys.readFile).config as object;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, lib);
  const program = ts.createProgram([`${lib}index.ts`], options);
  const checker = program.getTypeChecker();
  const door = program.getSourceFile(`${lib}index.ts`)!;
  const rows = new Map<string, OptionParameter>();
  const seen = new Set<ts.Node>();

  const isOptions = (type: ts.Type): boolean => {
    if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) return false;
    if (type.getCallSignatures().length > 0 || checker.isArrayLikeType(type)) return false;
    const properties = type.getProperties();
    if (!properties.some((property) => property.flags & ts.SymbolFlags.Optional)) return false;
    const declared = type.aliasSymbol ?? type.symbol as ts.Symbol | undefined;
    if (declared !== undefined && declared.flags & ts.SymbolFlags.Class) return false;
    return properties.every((property) => {
      const node = property.declarations?.[0];
      return node !== undefined && node.getSourceFile().fileName.startsWith(lib) && !ts.isMethodSignature(node);
    });
  };
  const take = (name: string, signature: ts.Signature): void => {
    if (signature.declaration !== undefined && seen.has(signature.declaration)) return;
    if (signature.declaration !== undefined) seen.add(signature.declaration);
    signature.parameters.forEach((parameter, index) => {
      const type = checker.getTypeOfSymbolAtLocation(parameter, door);
      for (const part of type.isUnion() ? type.types : [type]) {
        if (!isOptions(part)) continue;
        const row = { name, index, parameter: parameter.name, type: checker.typeToString(part) };
        rows.set(`${name} ${index}`, row);
      }
    });
  };
  const isPublic = (node: ts.Declaration | undefined): boolean =>
    node !== undefined && !(ts.getCombinedModifierFlags(node) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected));
  const methods = (name: string, type: ts.Type): void => {
    for (const property of type.getProperties()) {
      if (!isPublic(property.valueDeclaration) || /^__|^#/.test(property.name)) continue;
      for (const signature of checker.getTypeOfSymbolAtLocation(property, door).getCallSignatures())
        take(`${name}${property.name}`, signature);
    }
  };
  const visit = (exported: ts.Symbol, name: string): void => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (symbol.flags & ts.SymbolFlags.Module) {
      for (const inner of checker.getExportsOfModule(symbol)) visit(inner, `${name}.${inner.name}`);
      return;
    }
    const type = checker.getTypeOfSymbolAtLocation(symbol, door);
    for (const signature of type.getCallSignatures()) take(name, signature);
    if (!(symbol.flags & ts.SymbolFlags.Class)) return;
    for (const signature of type.getConstructSignatures()) take(`new ${name}`, signature);
    methods(`${name}.`, type);
    methods(`${name}#`, checker.getDeclaredTypeOfSymbol(symbol));
  };
  for (const exported of checker.getExportsOfModule(checker.getSymbolAtLocation(door)!)) visit(exported, exported.name);
  return [...rows.values()];
}
