package main

func main() {
	var held [][]byte
	for {
		block := make([]byte, 1000000)
		for i := range block {
			block[i] = 'x'
		}
		held = append(held, block)
	}
}
