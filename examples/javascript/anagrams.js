// Groups the words of its input that are anagrams of each other, in alphabetical order.
const words = require("fs").readFileSync(0, "utf8").split(/\s+/).filter(Boolean);
const groups = new Map();
for (const word of words) {
  const key = [...word].sort().join("");
  groups.set(key, [...(groups.get(key) ?? []), word]);
}
const lines = [...groups.values()].filter((group) => group.length > 1).map((group) => group.sort().join(" "));
console.log(lines.sort().join("\n"));
