package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// What became of a client's requests.
type tally struct {
	sync.Mutex
	Answered  int            `json:"answered"`
	Failed    int            `json:"failed"`
	BytesRead int            `json:"bytesRead"`
	Seconds   float64        `json:"seconds"`
	Errors    map[string]int `json:"errors"`
	began     time.Time
}

func newTally() *tally {
	return &tally{Errors: map[string]int{}, began: time.Now()}
}

func (t *tally) count(err error) {
	t.Lock()
	defer t.Unlock()
	if err == nil {
		t.Answered++
		return
	}
	t.Failed++
	t.Errors[err.Error()]++
}

func (t *tally) read(n int) {
	t.Lock()
	t.BytesRead += n
	t.Unlock()
}

// Does something `times` times, `atOnce` at once.
func (t *tally) each(times, atOnce int, do func() error) {
	var all sync.WaitGroup
	tickets := make(chan struct{}, times)
	for i := 0; i < times; i++ {
		tickets <- struct{}{}
	}
	close(tickets)
	for i := 0; i < atOnce; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for range tickets {
				t.count(do())
			}
		}()
	}
	all.Wait()
}

// Does something at a pace, each time beside what is not done yet.
func (t *tally) paced(times, perSecond int, do func() error) {
	var all sync.WaitGroup
	interval := time.Second / time.Duration(perSecond)
	for i := 0; i < times; i++ {
		time.Sleep(time.Until(t.began.Add(time.Duration(i) * interval)))
		all.Add(1)
		go func() {
			defer all.Done()
			t.count(do())
		}()
	}
	all.Wait()
}

func (t *tally) print() {
	t.Seconds = time.Since(t.began).Seconds()
	line, err := json.Marshal(t)
	must(err)
	fmt.Println(string(line))
}
