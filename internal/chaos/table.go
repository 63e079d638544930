package chaos

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// mostListed bounds each list of the account: the rest is in the counts.
const mostListed = 20

// Write prints the account as tables.
func (a *Account) Write(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "seed\t%d\n", a.Plan.Seed)
	fmt.Fprintf(w, "plan\t%v\n", &a.Plan)
	fmt.Fprintf(w, "took\t%v\n", a.Took.Round(time.Second))
	fmt.Fprintf(w, "faults\t%s\n", a.faults())
	fmt.Fprintf(w, "events sent\t%d\n", a.Sent)
	fmt.Fprintf(w, "acknowledged\t%d\n", a.Acknowledged)
	fmt.Fprintf(w, "tries, by answer\t%s\n", counts(a.Answers))
	fmt.Fprintf(w, "requests at the sinks\t%d\n", a.Attempts)
	fmt.Fprintf(w, "dead letters replayed\t%d\n", a.Replayed)
	_ = w.Flush()
	fmt.Fprintln(out)

	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "CHANNEL\tTYPE\tWANTED\t0 ×\t1 ×\t2+ ×\tWRONG\t")
	var sum ChannelAccount
	for _, c := range a.Channels {
		fmt.Fprintf(w, "%s/%s\t%s\t%d\t%d\t%d\t%d\t%d\t\n", c.Tenant, c.Channel, c.Kind, c.Wanted, c.None, c.Once, c.More, c.Wrong)
		sum.Wanted += c.Wanted
		sum.None += c.None
		sum.Once += c.Once
		sum.More += c.More
	}
	fmt.Fprintf(w, "all\t\t%d\t%d\t%d\t%d\t%d\t\n", sum.Wanted, sum.None, sum.Once, sum.More, len(a.Wrong))
	_ = w.Flush()
	fmt.Fprintf(out, "\nlost %d, wrong channel %d, delivered twice %d (%.3f %%), of these unexplained %d\n",
		len(a.Lost), len(a.Wrong), len(a.Doubles), 100*float64(len(a.Doubles))/float64(max(1, sum.Wanted)), len(a.Unexplained()))
	a.writeCauses(out)
	a.writeLists(out)
	a.writeVerdict(out)
}

// writeCauses says of the doubles how many each sort of fault explains.
func (a *Account) writeCauses(out io.Writer) {
	if len(a.Doubles) == 0 {
		return
	}
	n := map[Cause]int{}
	for _, d := range a.Doubles {
		n[d.Cause]++
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range causes {
		if c != ByTerm || n[c] > 0 { // which may not explain any where there are others
			fmt.Fprintf(w, "%d\t explained by %s\n", n[c], c)
		}
	}
	fmt.Fprintf(w, "%d\t without an explanation\n", n[""])
	_ = w.Flush()
}

func (a *Account) writeLists(out io.Writer) {
	list(out, "Lost", a.Lost, lossLine)
	list(out, "Not settled", a.Pending, lossLine)
	list(out, "Wrong channel", a.Wrong, func(x Wrong) string {
		return fmt.Sprintf("event %d at %s from %s at %s: %s", x.Event, x.Channel, x.Worker, clock(x.At), x.Why)
	})
	doubles := slices.SortedStableFunc(slices.Values(a.Doubles), func(x, y Double) int {
		return cmp.Compare(min(len(x.Explanation), 1), min(len(y.Explanation), 1)) // without one first: the list is cut
	})
	list(out, "Delivered more than once", doubles, func(d Double) string {
		why := d.Explanation
		if why == "" {
			why = "NO EXPLANATION"
		}
		return fmt.Sprintf("event %d (%s) to %s: %d × by %s, first at %s, last %v later: %s",
			d.Event, d.EventID, d.Channel, d.Times, strings.Join(d.By, ", "), clock(d.First), d.After.Round(time.Millisecond), why)
	})
	same := func(s string) string { return s }
	list(out, "Acknowledged, without a receipt", a.Forgotten, same)
	list(out, "Left over", a.Leftovers, same)
	list(out, "Odd", a.Oddities, same)
}

func (a *Account) writeVerdict(out io.Writer) {
	problems := a.Problems()
	if len(problems) == 0 {
		fmt.Fprintln(out, "\nThe account is clean.")
	} else {
		fmt.Fprintf(out, "\nThe account is NOT clean: %s.\n", strings.Join(problems, "; "))
	}
	if a.LogDir != "" {
		fmt.Fprintf(out, "Logs of all processes: %s\n", a.LogDir)
	}
}

func lossLine(l Loss) string {
	state := l.State
	if state == "" {
		state = "no delivery"
	}
	receipt := strings.TrimSpace(string(l.Receipt))
	if receipt == "" {
		receipt = "no receipt"
	}
	return fmt.Sprintf("event %d (%s) to %s: %s; %s", l.Event, l.EventID, l.Channel, state, receipt)
}

// clock is a time as the programs' logs have it.
func clock(t time.Time) string { return t.Format("15:04:05.000") }

func list[T any](out io.Writer, title string, items []T, line func(T) string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s:\n", title)
	for i, x := range items {
		if i == mostListed {
			fmt.Fprintf(out, "  and %d more\n", len(items)-mostListed)
			return
		}
		fmt.Fprintf(out, "  %s\n", line(x))
	}
}

func counts(m map[string]int) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(out, ", ")
}

// faults counts the schedule's by kind and target, redis or a kind of program.
func (a *Account) faults() string {
	n := map[string]int{}
	for _, f := range a.Schedule {
		program, _, _ := strings.Cut(f.Targets[0], "-")
		n[string(f.Kind)+" "+program]++
	}
	if len(n) == 0 {
		return "none"
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%d × %s", n[k], k))
	}
	return strings.Join(out, ", ")
}
