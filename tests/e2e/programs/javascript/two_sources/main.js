const { twicePlusTwo } = require("./helper");

console.log(twicePlusTwo(Number(require("fs").readFileSync(0, "utf8"))));
