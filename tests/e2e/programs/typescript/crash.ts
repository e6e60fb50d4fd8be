interface Box { lid: { colour: string } }

const box = JSON.parse("{}") as Box;
console.log("before");
console.log(box.lid.colour);
