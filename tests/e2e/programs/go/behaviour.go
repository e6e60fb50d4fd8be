// What Go does under limits: the first letter of the input says what, a number after it how much.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

func deep(n int) int {
	if n == 0 {
		return 0
	}
	return 1 + deep(n-1)
}

// The collector would take memory of its own beside what is touched.
func touchAlone(megabytes int) int {
	debug.SetGCPercent(-1)
	return touch(megabytes)
}

func touch(megabytes int) int {
	var held [][]byte
	for i := 0; i < megabytes; i++ {
		block := make([]byte, 1<<20)
		for k := range block {
			block[k] = 1
		}
		held = append(held, block)
	}
	return len(held)
}

func release(megabytes int) int {
	for round := 0; round < 3; round++ {
		touch(megabytes)
	}
	return megabytes
}

func threads(count int) int {
	var ready, done sync.WaitGroup
	var lock sync.Mutex
	sum := 0
	ready.Add(count)
	done.Add(count)
	for i := 0; i < count; i++ {
		go func(n int) {
			ready.Done()
			ready.Wait()
			lock.Lock()
			sum += n
			lock.Unlock()
			done.Done()
		}(i)
	}
	done.Wait()
	return sum
}

func sum(text string) (total int) {
	for _, word := range strings.Fields(text) {
		n, _ := strconv.Atoi(word)
		total += n
	}
	return total
}

func byLine() (total int) {
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		total += sum(line)
		if err != nil {
			return total
		}
	}
}

func byScan() (total int) {
	in := bufio.NewReader(os.Stdin)
	for n := 0; ; total += n {
		if _, err := fmt.Fscan(in, &n); err != nil {
			return total
		}
	}
}

func byByte() int {
	text, one := []byte{}, make([]byte, 1)
	for {
		if n, _ := os.Stdin.Read(one); n == 0 {
			return sum(string(text))
		}
		text = append(text, one[0])
	}
}

func byAll() int {
	text, _ := io.ReadAll(os.Stdin)
	return sum(string(text))
}

func number() (n int) {
	fmt.Scan(&n)
	return n
}

func main() {
	letter := make([]byte, 1)
	os.Stdin.Read(letter)
	switch letter[0] {
	case 'l':
		fmt.Println(byLine())
	case 's':
		fmt.Println(byScan())
	case 'a':
		fmt.Println(byAll())
	case 'b':
		fmt.Println(byByte())
	case 'd':
		tenth := 0.1
		fmt.Printf("%v %.2f %v\n", tenth+0.2, 2.0/3, 1e21)
	case 'p':
		fmt.Println(time.Unix(0, 0).Format("2006-01-02 15:04 MST"), utf8.RuneCountInString("žluť"))
	case 'r':
		fmt.Println(deep(number()))
	case 't':
		fmt.Println(touchAlone(number()))
	case 'f':
		fmt.Println(release(number()))
	case 'w':
		fmt.Println(threads(number()))
	}
}
