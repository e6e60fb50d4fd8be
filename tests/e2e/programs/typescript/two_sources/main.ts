import { readFileSync } from "fs";
import { twicePlusTwo } from "./helper";

console.log(twicePlusTwo(Number(readFileSync(0, "utf8"))));
