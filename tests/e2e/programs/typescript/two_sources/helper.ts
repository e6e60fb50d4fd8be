export function twicePlusTwo(n: number): number {
  return 2 * n + 2;
}
