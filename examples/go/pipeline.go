// Squares the numbers of its input in four goroutines and prints their sum.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
)

func main() {
	numbers, squares := make(chan int), make(chan int)
	var workers sync.WaitGroup
	for i := 0; i < 4; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for n := range numbers {
				squares <- n * n
			}
		}()
	}
	go func() {
		in := bufio.NewReader(os.Stdin)
		for n := 0; ; {
			if _, err := fmt.Fscan(in, &n); err != nil {
				break
			}
			numbers <- n
		}
		close(numbers)
		workers.Wait()
		close(squares)
	}()
	sum := 0
	for square := range squares {
		sum += square
	}
	fmt.Println(sum)
}
