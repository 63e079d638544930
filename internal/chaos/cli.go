package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"accessrelay/internal/ack"
	"accessrelay/internal/redisconn"
)

// Exit codes.
const (
	exitClean   = 0
	exitUnclean = 1 // the account shows something wrong, or there is none
	exitUsage   = 2
)

type flags struct {
	Seed       uint64        `default:"1" placeholder:"N" help:"Decides what is broken when. The same seed, the same plan."`
	Events     int           `default:"20000" placeholder:"N" help:"How many events are sent, evenly."`
	Duration   time.Duration `default:"5m" placeholder:"DURATION" help:"How long they are sent and things are broken. Shorter runs break less, in proportion, but each thing once."`
	Workers    int           `default:"3" placeholder:"N" help:"How many workers run."`
	Ingests    int           `default:"2" placeholder:"N" help:"How many ingests run."`
	Redis      string        `default:"single" placeholder:"KIND" help:"single (appendfsync always), sentinel (a master, two replicas) or cluster (three masters, a replica each). With the last two a kill is of a master, and another takes over."`
	Ack        string        `default:"memory" placeholder:"LEVEL" help:"What both programs are given as --ack: memory, fsync or replicas:n."`
	Faults     string        `default:"all" placeholder:"SET" help:"all; kill: only kill -9, destinations behave; term: 50 clean stops, destinations behave, and nothing may be delivered twice; none."`
	ExpectLoss bool          `help:"End with 0 if acknowledged events were lost, or forgotten by Redis, and nothing is wrong that does not follow from it, and with 1 if none were: to see what an acknowledgement level does not survive."`
	Settle     time.Duration `default:"3m" placeholder:"DURATION" help:"How long after the faults everything may take to settle. A killed worker's tasks are taken over after some 45 s."`
	Bin        string        `placeholder:"DIR" help:"The folder with the programs ingest and worker. Default: that of this program."`
	Dir        string        `placeholder:"DIR" help:"Where logs and Redis' files go. Default: a new temporary folder, removed after a clean run."`
	Keep       bool          `help:"Keep it after a clean run too."`
}

const about = `Proves that accessrelay loses nothing that it has acknowledged, by breaking everything it stands on.

It starts redis-server, ingests and workers as real processes on loopback, sends events as P0 does, repeating whatever is
not answered 200, and receives them at destinations that fail one request in ten and hang on one in a hundred. Meanwhile
it kills (kill -9), stops (SIGSTOP) and cuts off from Redis by a schedule that follows from the seed. Then it heals
everything, waits until all is settled, replays dead letters, and gives an account of every event: how often it reached each
channel that wants it, and why if more than once. redis-server must be on PATH.

It ends with 0 only if nothing was lost, nothing reached a wrong channel, little was delivered twice, each of these is
explained by a fault between the answer and its record, and nothing is left in any queue. Little is 0.1 % with --redis
single and 1 % with sentinel and cluster, where a new master does not know what came of the last deliveries; in a run of fewer
than 10,000 deliveries as many as there were faults, if that is more. With --faults term it is none.

Examples:

    chaos --seed 7
    chaos --events 1500 --duration 40s
    chaos --faults term --duration 1m --events 3000`

// Main is the program: it reads args, carries the plan out, prints the account to
// stdout and how it goes to stderr, and returns the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f flags
	answered, err := parse(&f, args, stdout, stderr)
	if answered && err == nil {
		return exitClean
	}
	var plan Plan
	if err == nil {
		plan, err = f.plan(stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "chaos: %v; see chaos --help\n", err)
		return exitUsage
	}
	redisconn.LogTo(slog.New(slog.DiscardHandler)) // that Redis is away is what we see to
	account, err := Run(ctx, plan)
	if err != nil {
		fmt.Fprintf(stderr, "chaos: %v\n", err)
		return exitUnclean
	}
	account.Write(stdout)
	clean := account.Clean()
	if f.ExpectLoss {
		clean = account.OnlyLoss()
	}
	if clean {
		return exitClean
	}
	return exitUnclean
}

// parse reports whether help was asked for and given.
func parse(f *flags, args []string, stdout, stderr io.Writer) (answered bool, err error) {
	app, err := kong.New(f, kong.Name("chaos"), kong.Description(about),
		kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true, WrapUpperBound: 120}),
		kong.ValueFormatter(func(v *kong.Value) string {
			if v.HasDefault && !v.IsBool() {
				return v.Help + " Default " + v.Default + "."
			}
			return v.Help
		}),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { answered = true }))
	if err != nil {
		return false, fmt.Errorf("setting up the flags: %w", err)
	}
	if _, err = app.Parse(args); answered {
		return true, nil // kong goes on after it has answered
	}
	return false, err
}

func (f *flags) plan(progress io.Writer) (Plan, error) {
	level, err := ack.Parse(f.Ack)
	if err != nil {
		return Plan{}, fmt.Errorf("--ack: %w", err)
	}
	if f.Bin == "" {
		self, err := os.Executable()
		if err != nil {
			return Plan{}, errors.New("--bin: is needed, for this program does not know where it is")
		}
		f.Bin = filepath.Dir(self)
	}
	p := Plan{
		Bin: f.Bin, Seed: f.Seed, Events: f.Events, Duration: f.Duration, Workers: f.Workers, Ingests: f.Ingests,
		Redis: Topology(f.Redis), Ack: level, Faults: FaultSet(f.Faults), Settle: f.Settle,
		Dir: f.Dir, Keep: f.Keep, Progress: progress,
	}
	for _, program := range []string{"ingest", "worker"} {
		if _, err := os.Stat(filepath.Join(f.Bin, program)); err != nil {
			return Plan{}, fmt.Errorf("--bin: %s has no program %s; make chaos builds it", f.Bin, program)
		}
	}
	p.setDefaults()
	if err := p.check(); err != nil {
		return Plan{}, errors.New(strings.TrimSpace(err.Error()))
	}
	return p, nil
}
