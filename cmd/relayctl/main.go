// Command relayctl is the operator's tool: it tries the relay out, makes keys,
// checks the file and shows the queues.
package main

import (
	"context"
	"os"

	"accessrelay/internal/relayctl"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last lastThings
	go heedSignals(incoming(), cancel, &last)
	return relayctl.Run(ctx, os.Args[1:], relayctl.Terminal{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), Program: os.Args[0], AtKill: last.add,
	})
}
