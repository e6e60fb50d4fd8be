const held: number[][] = [];
for (;;) held.push(new Array<number>(100000).fill(held.length));
