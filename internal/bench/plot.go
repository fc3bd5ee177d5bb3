package main

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// The plot's measures, in pixels.
const (
	labelWidth = 210
	barWidth   = 420
	barHeight  = 14
	barGap     = 3
	titleGap   = 30
)

// plot draws the median processor time inside the steps, or where nothing ran, the wall time: a group of bars for each
// scenario, each group in its own scale.
func plot(all []Result) string {
	var b strings.Builder
	y := 20
	for _, r := range all {
		numbers, unit, most := Series.cpu, "s", longest(r.Series, Series.cpu)
		if most < noise {
			numbers, unit, most = Series.wall, "s wall", longest(r.Series, Series.wall)
		}
		if most == 0 {
			continue
		}
		y += titleGap
		fmt.Fprintf(&b, "<text x=\"10\" y=\"%d\"><tspan font-weight=\"bold\">%s</tspan>: %s</text>\n", y-8, html.EscapeString(r.Scenario), html.EscapeString(r.Title))
		for _, s := range r.Series {
			v := median(numbers(s))
			width := v / most * barWidth
			fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", labelWidth-6, y+barHeight-3, html.EscapeString(s.Peer))
			fmt.Fprintf(&b, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", labelWidth, y, width, barHeight, color(s.Peer))
			fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\">%s %s</text>\n", labelWidth+width+5, y+barHeight-3, figure(v), unit)
			y += barHeight + barGap
		}
	}
	width, height := labelWidth+barWidth+90, y+10
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"+
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<text x=\"10\" y=\"18\">Median processor time inside the steps, or the wall time where none runs; a scale for each scenario</text>\n%s</svg>\n",
		width, height, width, height, b.String())
}

func longest(all []Series, numbers func(Series) []float64) (most float64) {
	for _, s := range all {
		most = max(most, median(numbers(s)))
	}
	return most
}

// colors are told apart without red and green.
var colors = []string{"#0072b2", "#e69f00", "#56b4e9", "#cc79a7", "#999999", "#f0e442", "#d55e00", "#009e73", "#000000"}

func color(peer string) string {
	return colors[max(0, slices.Index(peerNames(), peer))%len(colors)]
}
