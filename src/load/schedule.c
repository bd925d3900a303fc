#include "load/schedule.h"

#include "base/check.h"

#include <math.h>

static const double NS_PER_S = 1e9;

void load_schedule_init(struct schedule *schedule, const struct stage *stages, uint32_t count)
{
  CHECK(count > 0 && count <= SCHEDULE_STAGES_MAX);
  *schedule = (struct schedule){.stages = stages, .count = count};
}

int64_t load_schedule_next(struct schedule *schedule)
{
  while (schedule->at < schedule->count) {
    const struct stage *stage = &schedule->stages[schedule->at];
    double whole = (stage->from + stage->to) / 2 * stage->seconds;
    double part = (double)schedule->next - schedule->before;
    /* An arrival at the very end of a stage is the next one's first. */
    if (part < whole - 1e-6) {
      double slope = (stage->to - stage->from) / stage->seconds;
      double root = sqrt(fmax(stage->from * stage->from + 2 * part * slope, 0));
      double seconds = part <= 0 ? 0 : 2 * part / (stage->from + root);
      schedule->next++;
      return (int64_t)((schedule->begin_s + seconds) * NS_PER_S);
    }
    schedule->before += whole;
    schedule->begin_s += stage->seconds;
    schedule->at++;
  }
  return SCHEDULE_OVER;
}

int64_t load_schedule_length_ns(const struct stage *stages, uint32_t count)
{
  double seconds = 0;
  for (uint32_t i = 0; i < count; i++) seconds += stages[i].seconds;
  return (int64_t)(seconds * NS_PER_S);
}

double load_schedule_value(const struct stage *stages, uint32_t count, int64_t at_ns)
{
  double at_s = (double)at_ns / NS_PER_S;
  for (uint32_t i = 0; i < count; i++) {
    if (at_s < stages[i].seconds)
      return stages[i].from + (stages[i].to - stages[i].from) * at_s / stages[i].seconds;
    at_s -= stages[i].seconds;
  }
  return stages[count - 1].to;
}
