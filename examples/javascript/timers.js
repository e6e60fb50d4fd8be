// Asynchronous code: prints the lines "milliseconds name" of its input in the order in which their times are over.
const readline = require("readline");

const later = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

async function main() {
  const names = [];
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [ms, name] = line.split(" ");
    names.push(later(Number(ms), name).then((over) => console.log(over)));
  }
  await Promise.all(names);
}

main();
