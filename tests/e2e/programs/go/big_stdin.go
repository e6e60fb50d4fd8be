package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

func main() {
	bytes, lines, sum := 0, 0, 0
	in := bufio.NewScanner(os.Stdin)
	for ; in.Scan(); lines++ {
		n, _ := strconv.Atoi(in.Text())
		bytes += len(in.Text()) + 1
		sum += n
	}
	fmt.Println(bytes, lines, sum)
}
