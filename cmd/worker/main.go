// Command worker takes events from Redis and delivers them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"accessrelay/internal/config"
	"accessrelay/internal/ops"
	"accessrelay/internal/redisconn"
	"accessrelay/internal/workerd"
)

func main() { os.Exit(run()) }

func run() int {
	settings, err := config.ParseWorker(os.Args[1:], os.Environ(), os.Stdout)
	if err == nil {
		err = workerd.Check(settings)
	}
	switch {
	case errors.Is(err, config.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "worker:", settings.Message(err))
		return 2
	}
	log, err := ops.NewLogger(os.Stderr, settings.LogLevel, settings.LogFormat)
	if err == nil {
		redisconn.LogTo(log)
		var d *workerd.Daemon
		if d, err = workerd.New(context.Background(), workerd.Options{Settings: settings, LookupEnv: os.LookupEnv, Log: log}); err == nil {
			err = ops.Run(context.Background(), d, settings.ShutdownTimeout, log, "ack", settings.Ack.String())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", settings.Message(err))
		return 1
	}
	return 0
}
