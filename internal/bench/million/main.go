// Command million measures what a long backlog costs: it has ingest accept a
// million events with no worker running, then starts a worker and lets it
// deliver them all. It prints rates and memory, and fails if an event is missing,
// or if either program's memory grows with the number of events.
//
// It starts the programs and a real redis-server itself. Run it with make
// million, alone on the machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() { os.Exit(run()) }

func run() int {
	var o options
	flag.IntVar(&o.events, "n", 1_000_000, "events")
	flag.IntVar(&o.senders, "senders", 64, "requests under way at a time")
	flag.IntVar(&o.concurrency, "concurrency", 64, "the worker's --concurrency")
	flag.StringVar(&o.bin, "bin", "bin", "folder with the programs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "million:", err)
		return 1
	}
	return 0
}

type options struct {
	events, senders, concurrency int
	bin                          string
}

const (
	// flat is how much a program's memory may grow after its first tenth of the
	// events: room for the garbage collector's moods, not for a share of the
	// events.
	flat = 1.25

	// overhead is what Redis needs for a queued event besides its body, in bytes,
	// at most. docs/runbook.md has it.
	overhead = 750

	// stuck is how long nothing may move.
	stuck = time.Minute
)

// measure is the whole run. Its error is the first thing that went wrong, or
// all that is not as it must be.
func measure(ctx context.Context, o options) error {
	r, err := newRig(ctx, o)
	if err != nil {
		return err
	}
	defer r.close()

	empty, err := r.redisMemory(ctx)
	if err != nil {
		return err
	}
	ingest, err := r.start(ctx, "ingest", "ACCESSRELAY_HOOKS_ADDR="+r.hooksAddr, "ACCESSRELAY_API_ADDR=")
	if err != nil {
		return err
	}
	accepting := newCourse(ingest, o.events)
	bodies, err := r.sendAll(ctx, accepting)
	if err != nil {
		return err
	}
	accepting.end()
	full, err := r.redisMemory(ctx)
	if err != nil {
		return err
	}
	accepting.print("accepted by ingest, no worker")
	each := float64(full-empty) / float64(o.events)
	fmt.Fprintf(os.Stdout, "  Redis            %.0f bytes an event (its body: %.0f), %d MiB in all\n",
		each, bodies/float64(o.events), (full-empty)>>20)

	worker, err := r.start(ctx, "worker", fmt.Sprint("ACCESSRELAY_CONCURRENCY=", o.concurrency))
	if err != nil {
		return err
	}
	delivering := newCourse(worker, o.events)
	err = r.sink.await(ctx, delivering)
	delivering.end()
	delivering.print("delivered by a worker that came later")
	fmt.Fprintf(os.Stdout, "  sent twice       %d\n", r.sink.repeats())

	errs := []error{err, accepting.flat(), delivering.flat()}
	if most := bodies/float64(o.events) + overhead; each > most {
		errs = append(errs, fmt.Errorf("a queued event takes %.0f bytes of Redis, want at most %.0f", each, most))
	}
	return errors.Join(errs...)
}
