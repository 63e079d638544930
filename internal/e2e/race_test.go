//go:build race

package e2e

// The programs are built as the test is: with the race detector or without.
const raceEnabled = true
