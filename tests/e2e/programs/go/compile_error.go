package main

import "fmt"

func main() {
	fmt.Println(n * 2)
}
