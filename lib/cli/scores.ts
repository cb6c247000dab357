/** Scores as a person reads them: `F 0.942   precision 0.951   recall 0.933`. */
export function scoreLine(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(metrics).map(([name, value]) => `${name === 'f' ? 'F' : name} ${value.toFixed(4)}`).join('   ');
}
