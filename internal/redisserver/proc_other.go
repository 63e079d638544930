//go:build !linux

package redisserver

import "syscall"

// procAttr: outside Linux nothing ends the server when the process that started it is killed.
func procAttr() *syscall.SysProcAttr { return nil }
