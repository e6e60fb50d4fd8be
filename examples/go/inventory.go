// Reads a JSON list of {"name", "count", "price"} and prints what it is worth, dearest first.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
)

type item struct {
	Name  string
	Count int
	Price float64
}

func (i item) worth() float64 { return float64(i.Count) * i.Price }

func main() {
	var items []item
	if err := json.NewDecoder(os.Stdin).Decode(&items); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sort.Slice(items, func(a, b int) bool { return items[a].worth() > items[b].worth() })
	for _, i := range items {
		fmt.Printf("%-6s %8.2f\n", i.Name, i.worth())
	}
}
