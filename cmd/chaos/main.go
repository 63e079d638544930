// Command chaos proves that nothing acknowledged is lost, by breaking everything.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"accessrelay/internal/chaos"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal kills
	return chaos.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
