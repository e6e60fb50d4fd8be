const data = require("fs").readFileSync(0);
const numbers = data.toString().trimEnd().split("\n").map(Number);
console.log(data.length, numbers.length, numbers.reduce((a, b) => a + b));
