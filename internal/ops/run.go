package ops

import (
	"context"
	"io"
	stdlog "log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Daemon is a program as a value: it can be started on free ports by a test as
// well as by main.
type Daemon interface {
	Start() error
	// Failed yields an error when the daemon can no longer do its job.
	Failed() <-chan error
	// Reload reads the config file again. After an error the old one is in force.
	Reload() error
	Stop(ctx context.Context) error
}

// Run starts d and keeps it running until SIGTERM, SIGINT, the end of ctx or a
// failure, then stops it within timeout. SIGHUP reloads. A second SIGTERM or
// SIGINT ends the process at once. What about says, keys and values, is in the
// line that it starts with.
func Run(ctx context.Context, d Daemon, timeout time.Duration, log *slog.Logger, about ...any) error {
	stdlog.SetOutput(io.Discard) // net/http quotes there what destinations say unasked
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	log.Info("starting", append([]any{"version", ThisBuild().String()}, about...)...)
	err := d.Start()
	for err == nil {
		select {
		case <-hup:
			if err := d.Reload(); err != nil {
				log.Error("config not reloaded; the old one stays in force", "error", err)
			} else {
				log.Info("config reloaded")
			}
			continue
		case err = <-d.Failed():
		case <-ctx.Done():
			log.Info("shutting down", "timeout", timeout.String())
		}
		break
	}
	stop() // from here a signal kills

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if stopErr := d.Stop(ctx); err == nil {
		err = stopErr
	}
	if err == nil {
		log.Info("stopped")
	}
	return err
}
