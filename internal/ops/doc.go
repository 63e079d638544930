// Package ops is what operators need of every program: HTTP servers that drain,
// health and metrics, a log, and a shutdown in named steps.
package ops
