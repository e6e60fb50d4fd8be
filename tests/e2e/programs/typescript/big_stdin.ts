import { readFileSync } from "fs";

const data = readFileSync(0);
const numbers: number[] = data.toString().trimEnd().split("\n").map(Number);
console.log(data.length, numbers.length, numbers.reduce((a, b) => a + b));
