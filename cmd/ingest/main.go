// Command ingest receives webhooks, authenticates them and puts them into Redis.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"accessrelay/internal/config"
	"accessrelay/internal/ingestd"
	"accessrelay/internal/ops"
	"accessrelay/internal/redisconn"
)

func main() { os.Exit(run()) }

func run() int {
	settings, err := config.ParseIngest(os.Args[1:], os.Environ(), os.Stdout)
	if err == nil {
		err = ingestd.Check(settings)
	}
	switch {
	case errors.Is(err, config.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "ingest:", settings.Message(err))
		return 2
	}
	log, err := ops.NewLogger(os.Stderr, settings.LogLevel, settings.LogFormat)
	if err == nil {
		redisconn.LogTo(log)
		var d *ingestd.Daemon
		if d, err = ingestd.New(context.Background(), ingestd.Options{Settings: settings, LookupEnv: os.LookupEnv, Log: log}); err == nil {
			err = ops.Run(context.Background(), d, settings.ShutdownTimeout, log, "ack", settings.Ack.String())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ingest:", settings.Message(err))
		return 1
	}
	return 0
}
