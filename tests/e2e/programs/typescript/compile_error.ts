import { readFileSync } from "fs";

const n: string = Number(readFileSync(0, "utf8"));
console.log(n);
