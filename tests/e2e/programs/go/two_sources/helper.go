package main

func twicePlusTwo(n int) int {
	return 2*n + 2
}
