// Accounts as a tagged union. Input: "open NAME", "pay NAME AMOUNT" or "take NAME AMOUNT" a line; output: the balances.
import { readFileSync } from "fs";

type Order =
  | { kind: "open"; name: string }
  | { kind: "pay" | "take"; name: string; amount: number };

function parse(line: string): Order {
  const [kind, name, amount] = line.split(" ");
  if (kind === "open") return { kind, name };
  if (kind === "pay" || kind === "take") return { kind, name, amount: Number(amount) };
  throw new Error(`no such order: ${line}`);
}

const balances = new Map<string, number>();
for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const order = parse(line);
  const before = balances.get(order.name) ?? 0;
  if (order.kind === "open") balances.set(order.name, before);
  else balances.set(order.name, order.kind === "pay" ? before + order.amount : before - order.amount);
}
for (const [name, balance] of [...balances].sort()) console.log(`${name}: ${balance.toFixed(2)}`);
