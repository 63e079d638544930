// Command relayctl is the operator's tool: it tries the relay out, makes keys,
// checks the file and shows the queues.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"accessrelay/internal/relayctl"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal kills
	return relayctl.Run(ctx, os.Args[1:], relayctl.Terminal{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), Program: os.Args[0],
	})
}
