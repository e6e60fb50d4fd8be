package main

import "fmt"

func main() {
	var n int
	fmt.Scan(&n)
	if n == 3 {
		n = 4
	}
	fmt.Println(n * 2)
}
