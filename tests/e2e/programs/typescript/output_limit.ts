for (let n: number = 0; ; n++) console.log("line", n);
