package main

import "fmt"

func main() {
	for n := 0; ; n++ {
		fmt.Println("line", n)
	}
}
