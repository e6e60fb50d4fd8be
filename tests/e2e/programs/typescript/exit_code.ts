console.log("before");
console.error("giving up");
process.exit(42);
