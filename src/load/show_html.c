#include "base/check.h"
#include "load/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * One document with everything in it: no script, no font, no image from elsewhere. Charts are SVG,
 * in colours of the style sheet, so that they follow the reader's light or dark setting.
 */

enum {
  WIDTH = 860,
  HEIGHT = 220,
  LEFT = 64, /* of the plot: room for the labels */
  RIGHT = 12,
  TOP = 12,
  BOTTOM = 28,
  POINTS_MAX = 600, /* of one line; more are merged */
  LINES_MAX = 4,
};

struct line {
  const char *name;
  const char *colour; /* a class of the style sheet */
  double (*value)(const struct load_stats *stats,
                  const struct load_point *point); /* below 0: none */
};

struct chart {
  const char *title;
  const char *unit;
  bool logarithmic;
  uint32_t line_count;
  struct line lines[LINES_MAX];
};

static double rate_of(const struct load_stats *stats, const struct load_point *point)
{
  (void)stats;
  return point->span_s <= 0 ? 0 : (double)point->requests / point->span_s;
}

static double errors_of(const struct load_stats *stats, const struct load_point *point)
{
  (void)stats;
  return point->span_s <= 0 ? 0 : (double)point->errors / point->span_s;
}

/* Without a request there is no latency. */
static double milliseconds(const struct load_point *point, uint64_t ns)
{
  return point->requests == 0 ? -1 : (double)ns / 1e6;
}

static double p50_of(const struct load_stats *stats, const struct load_point *point)
{
  (void)stats;
  return milliseconds(point, point->p50_ns);
}

static double p95_of(const struct load_stats *stats, const struct load_point *point)
{
  (void)stats;
  return milliseconds(point, point->p95_ns);
}

static double p99_of(const struct load_stats *stats, const struct load_point *point)
{
  (void)stats;
  return milliseconds(point, point->p99_ns);
}

static double max_of(const struct load_stats *stats, const struct load_point *point)
{
  (void)stats;
  return milliseconds(point, point->max_ns);
}

static double people_of(const struct load_stats *stats, const struct load_point *point)
{
  (void)stats;
  return (double)point->people;
}

static double taken_of(const struct load_stats *stats, const struct load_point *point)
{
  return point->seats_left < 0 ? -1 : (double)(stats->seats_total - point->seats_left);
}

static const struct chart CHARTS[] = {
    {"Requests per second", "", false, 1, {{"requests", "a", rate_of}}},
    {"Latency",
     "ms",
     true,
     4,
     {{"p50", "a", p50_of}, {"p95", "b", p95_of}, {"p99", "c", p99_of}, {"max", "d", max_of}}},
    {"Errors per second", "", false, 1, {{"errors", "c", errors_of}}},
    {"People under way", "", false, 1, {{"people", "b", people_of}}},
    {"Seats held or sold", "", false, 1, {{"seats", "a", taken_of}}},
};

/* ---- text ---- */

static void text(struct buffer *to, struct bytes value)
{
  for (size_t i = 0; i < value.size; i++) {
    uint8_t byte = value.data[i];
    if (byte == '<')
      buffer_append(to, BYTES("&lt;"));
    else if (byte == '&')
      buffer_append(to, BYTES("&amp;"));
    else if (byte == '"')
      buffer_append(to, BYTES("&quot;"));
    else
      buffer_append_byte(to, byte);
  }
}

static void style(struct buffer *to)
{
  buffer_append(
      to,
      BYTES(
          "<style>:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#222;--soft:#6b6b6b;"
          "--line:#dddad2;--a:#0b7a75;--b:#c98a00;--c:#c0392b;--d:#8a8a8a;--card:#fff}"
          "@media(prefers-color-scheme:dark){:root{--paper:#16181a;--ink:#e8e6e1;--soft:#9a9a9a;"
          "--line:#34373a;--a:#4fd1c5;--b:#f0b429;--c:#ff7b6b;--d:#8a8a8a;--card:#1e2124}}"
          "body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;"
          "max-width:920px;margin:2rem auto;padding:0 1rem}h1{font-size:1.5rem;margin:0}"
          "h2{font-size:1.05rem;margin:1.6rem 0 .4rem}p{color:var(--soft);margin:.2rem 0}"
          ".cards{display:flex;flex-wrap:wrap;gap:.7rem;margin:1rem 0}.card{background:var(--card)"
          ";border:1px solid var(--line);border-radius:8px;padding:.6rem .9rem;min-width:7rem}"
          ".card b{display:block;font-size:1.35rem}.card span{color:var(--soft);font-size:.85rem}"
          "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
          "th,td{text-align:right;padding:.25rem .5rem;border-bottom:1px solid var(--line)}"
          "th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:500}"
          ".bad{color:var(--c)}.good{color:var(--a)}svg{width:100%;height:auto;background:"
          "var(--card);border:1px solid var(--line);border-radius:8px}svg text{fill:var(--soft);"
          "font:11px system-ui,sans-serif}svg .grid{stroke:var(--line)}svg polyline{fill:none;"
          "stroke-width:1.6}.a{stroke:var(--a)}.b{stroke:var(--b)}.c{stroke:var(--c)}"
          ".d{stroke:var(--d)}i{display:inline-block;width:.8em;height:.2em;margin:0 .3em 0 .9em;"
          "vertical-align:middle}i.a{background:var(--a)}i.b{background:var(--b)}i.c{background:"
          "var(--c)}i.d{background:var(--d)}</style>"));
}

/* ---- charts ---- */

struct plot {
  const struct load_stats *stats;
  const struct chart *chart;
  uint32_t step; /* points that are merged into one */
  double seconds;
  double low, high; /* of the values; exponents when logarithmic */
};

/* The value of a line at a group of points: the greatest, so that no peak is lost. */
static double group(const struct plot *plot, const struct line *line, uint32_t first)
{
  double most = -1;
  const struct load_stats *stats = plot->stats;
  for (uint32_t i = first; i < first + plot->step && i < stats->point_count; i++) {
    double value = line->value(stats, &stats->points[i]);
    if (value > most) most = value;
  }
  return most;
}

/* The next of 1, 2, 5, 10, 20, ... that is not below. */
static double round_up(double value)
{
  if (value <= 1) return 1;
  double power = pow(10, floor(log10(value)));
  double part = value / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void measure(struct plot *plot)
{
  double most = 0, least = INFINITY;
  const struct load_stats *stats = plot->stats;
  for (uint32_t k = 0; k < plot->chart->line_count; k++)
    for (uint32_t i = 0; i < stats->point_count; i++) {
      double value = plot->chart->lines[k].value(stats, &stats->points[i]);
      if (value > most) most = value;
      if (value > 0 && value < least) least = value;
    }
  if (!plot->chart->logarithmic) {
    plot->high = round_up(most);
    return;
  }
  plot->low = isinf(least) ? -1 : floor(log10(least));
  plot->high = most <= 0 ? 1 : ceil(log10(most));
  if (plot->high <= plot->low) plot->high = plot->low + 1;
}

static double y_of(const struct plot *plot, double value)
{
  double at = plot->chart->logarithmic ? log10(fmax(value, pow(10, plot->low))) : value;
  double share = (at - plot->low) / (plot->high - plot->low);
  return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
}

static double x_of(const struct plot *plot, double second)
{
  return LEFT + second / plot->seconds * (WIDTH - LEFT - RIGHT);
}

static void grid_line(const struct plot *plot, double value, struct buffer *to)
{
  char number[32];
  double y = y_of(plot, value);
  if (value >= 1)
    show_count((uint64_t)(value + 0.5), number);
  else
    snprintf(number, sizeof number, "%g", value);
  buffer_append_format(to,
                       "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                       "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
                       LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, number);
}

static void grid(const struct plot *plot, struct buffer *to)
{
  if (plot->chart->logarithmic) {
    for (int at = (int)plot->low; at <= (int)plot->high; at++) grid_line(plot, pow(10, at), to);
  } else {
    for (int i = 0; i <= 4; i++) grid_line(plot, plot->high * i / 4, to);
  }
  double step = round_up(plot->seconds / 8);
  for (int i = 0; i * step <= plot->seconds; i++)
    buffer_append_format(to, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f s</text>",
                         x_of(plot, i * step), HEIGHT - 8, i * step);
}

static void draw_line(const struct plot *plot, const struct line *line, struct buffer *to)
{
  bool open = false;
  for (uint32_t i = 0; i < plot->stats->point_count; i += plot->step) {
    double value = group(plot, line, i);
    if (value < 0) {
      if (open) buffer_append(to, BYTES("\"/>"));
      open = false;
      continue;
    }
    if (!open) buffer_append_format(to, "<polyline class=\"%s\" points=\"", line->colour);
    open = true;
    buffer_append_format(to, "%.1f,%.1f ", x_of(plot, plot->stats->points[i].second),
                         y_of(plot, value));
  }
  if (open) buffer_append(to, BYTES("\"/>"));
}

static bool has_values(const struct load_stats *stats, const struct chart *chart)
{
  for (uint32_t i = 0; i < stats->point_count; i++)
    if (chart->lines[0].value(stats, &stats->points[i]) >= 0) return true;
  return false;
}

static void draw_chart(const struct load_stats *stats, const struct chart *chart, struct buffer *to)
{
  if (!has_values(stats, chart)) return;
  struct plot plot = {.stats = stats, .chart = chart};
  plot.step = (stats->point_count + POINTS_MAX - 1) / POINTS_MAX;
  plot.seconds = fmax(stats->points[stats->point_count - 1].second, 1);
  measure(&plot);
  buffer_append_format(to, "<h2>%s%s%s", chart->title, chart->unit[0] == 0 ? "" : ", ",
                       chart->unit);
  for (uint32_t i = 0; chart->line_count > 1 && i < chart->line_count; i++)
    buffer_append_format(to, "<i class=\"%s\"></i><small>%s</small>", chart->lines[i].colour,
                         chart->lines[i].name);
  buffer_append_format(to, "</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">",
                       WIDTH, HEIGHT, chart->title);
  grid(&plot, to);
  for (uint32_t i = chart->line_count; i-- > 0;) draw_line(&plot, &chart->lines[i], to);
  buffer_append(to, BYTES("</svg>\n"));
}

/* ---- the page ---- */

static void card(struct buffer *to, const char *value, const char *name, bool bad)
{
  buffer_append_format(to, "<div class=\"card%s\"><b>%s</b><span>%s</span></div>",
                       bad ? " bad" : "", value, name);
}

static void cards(const struct show *show, struct buffer *to)
{
  const struct load_stats *stats = &show->load->stats;
  char value[32];
  double rate = stats->seconds <= 0 ? 0 : (double)stats->scheduled_requests / stats->seconds;
  buffer_append(to, BYTES("<div class=\"cards\">"));
  card(to, show_count(stats->requests, value), "requests", false);
  card(to, show_count((uint64_t)(rate + 0.5), value), "per second", false);
  card(to, show_count(stats->errors, value), "errors", stats->errors > 0);
  card(to, show_time(histogram_percentile(&stats->latency, 50), value), "p50", false);
  card(to, show_time(histogram_percentile(&stats->latency, 95), value), "p95", false);
  card(to, show_time(histogram_percentile(&stats->latency, 99), value), "p99", false);
  card(to, show_time(histogram_max(&stats->latency), value), "max", false);
  if (show->reconciliation != NULL)
    card(to, show_count((uint64_t)show->reconciliation->sold, value), "seats sold", false);
  buffer_append(to, BYTES("</div>\n"));
}

static void steps(const struct show *show, struct buffer *to)
{
  const struct load_file *file = show->options->file;
  buffer_append(to, BYTES("<h2>Steps</h2>\n<table><tr><th>step<th>requests<th>expected<th>refused"
                          "<th>failed<th>p50<th>p99<th>max</tr>\n"));
  for (uint32_t i = 0; i < file->step_count; i++) {
    const struct step_stats *stats = &show->load->stats.steps[i];
    char texts[7][32];
    buffer_append(to, BYTES("<tr><td>"));
    text(to, file->steps[i].name);
    buffer_append_format(
        to, "<td>%s<td>%s<td>%s<td%s>%s<td>%s<td>%s<td>%s</tr>\n",
        show_count(stats->requests, texts[0]), show_count(stats->succeeded, texts[1]),
        show_count(stats->refused, texts[2]), stats->failed > 0 ? " class=\"bad\"" : "",
        show_count(stats->failed, texts[3]),
        show_time(histogram_percentile(&stats->latency, 50), texts[4]),
        show_time(histogram_percentile(&stats->latency, 99), texts[5]),
        show_time(histogram_max(&stats->latency), texts[6]));
  }
  buffer_append(to, BYTES("</table>\n"));
}

static void verdict(struct buffer *to, bool good, struct bytes what, const char *detail)
{
  buffer_append_format(to, "<tr><td>");
  text(to, what);
  buffer_append(to, BYTES("<td>"));
  text(to, bytes_of_text(detail));
  buffer_append_format(to, "<td class=\"%s\">%s</tr>\n", good ? "good" : "bad",
                       good ? "yes" : "NO");
}

static void verdicts(const struct show *show, struct buffer *to)
{
  const struct reconciliation *found = show->reconciliation;
  if (found != NULL) {
    buffer_append(to, BYTES("<h2>The server's accounts</h2>\n<table>\n"));
    for (uint32_t i = 0; i < found->count; i++)
      verdict(to, found->checks[i].good, bytes_of_text(found->checks[i].what),
              found->checks[i].detail);
    buffer_append(to, BYTES("</table>\n"));
  }
  if (show->threshold_count == 0) return;
  buffer_append(to, BYTES("<h2>Conditions</h2>\n<table>\n"));
  for (uint32_t i = 0; i < show->threshold_count; i++) {
    const struct threshold *threshold = &show->thresholds[i];
    char name[120], value[32];
    double measured = threshold_value(threshold, &show->load->stats);
    snprintf(name, sizeof name, "not %s", threshold->text);
    verdict(to, !threshold_is_met(threshold, &show->load->stats), bytes_of_text(name),
            threshold_format(threshold, measured, value));
  }
  buffer_append(to, BYTES("</table>\n"));
}

void show_html(const struct show *show, struct buffer *to)
{
  const struct load_stats *stats = &show->load->stats;
  buffer_append(to, BYTES("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                          "<meta name=\"viewport\" content=\"width=device-width\"><title>"));
  text(to, bytes_of_text(show->name));
  buffer_append(to, BYTES(": load</title>"));
  style(to);
  buffer_append(to, BYTES("</head><body>\n<h1>"));
  text(to, bytes_of_text(show->name));
  buffer_append(to, BYTES("</h1>\n<p>"));
  text(to, bytes_of_text(show->target));
  if (show->event.size > 0) buffer_append(to, BYTES(", event "));
  text(to, show->event);
  buffer_append_format(to, ", %s, %.1f s, %u connections, tacos %s</p>\n", show->started,
                       stats->seconds, show->options->connections, show->version);
  cards(show, to);
  for (size_t i = 0; i < sizeof CHARTS / sizeof CHARTS[0]; i++) draw_chart(stats, &CHARTS[i], to);
  steps(show, to);
  verdicts(show, to);
  buffer_append_format(to,
                       "<p>Latency counts from when a request was meant to be sent; the times were "
                       "fixed before the run. Seed %" PRIu64 ".</p>\n</body></html>\n",
                       show->options->seed);
}
