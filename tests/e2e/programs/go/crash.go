package main

import "fmt"

func main() {
	fmt.Println("before")
	var none []int
	fmt.Println(none[len(none)])
}
