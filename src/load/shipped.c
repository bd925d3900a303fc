#include "load/shipped.h"

#include "base/check.h"

/*
 * The assembler takes the files in; their paths are from the directory in which make runs, and the
 * Makefile knows that this object depends on them.
 */
#define EMBED(name)                                                                         \
  extern const uint8_t load_scenario_##name[], load_scenario_##name##_end[];                \
  __asm__(".section .rodata\n.global load_scenario_" #name "\nload_scenario_" #name ":\n"   \
          ".incbin \"examples/load/" #name ".json\"\n.global load_scenario_" #name "_end\n" \
          "load_scenario_" #name "_end:\n.byte 0\n.previous\n")

EMBED(onsale);
EMBED(poll);
EMBED(reserve);
EMBED(hotseat);
EMBED(spike);
EMBED(soak);

static const struct {
  const char *name, *path, *summary;
  const uint8_t *begin, *end;
} SHIPPED[SHIPPED_COUNT] = {
    {"onsale", "examples/load/onsale.json", "a whole on-sale: line, seats, payment; some give up",
     load_scenario_onsale, load_scenario_onsale_end},
    {"poll", "examples/load/poll.json", "people in line who ask for their place every 2 s",
     load_scenario_poll, load_scenario_poll_end},
    {"reserve", "examples/load/reserve.json", "buyers who reserve two seats each",
     load_scenario_reserve, load_scenario_reserve_end},
    {"hotseat", "examples/load/hotseat.json", "everybody wants the same seat: one may get it",
     load_scenario_hotseat, load_scenario_hotseat_end},
    {"spike", "examples/load/spike.json", "from nothing to 30,000 requests/s in 10 seconds",
     load_scenario_spike, load_scenario_spike_end},
    {"soak", "examples/load/soak.json", "four hours of buying and looking, evenly",
     load_scenario_soak, load_scenario_soak_end},
};

struct shipped shipped_at(uint32_t index)
{
  CHECK_THAT(index, <, SHIPPED_COUNT);
  return (struct shipped){
      SHIPPED[index].name, SHIPPED[index].path, SHIPPED[index].summary,
      bytes_of(SHIPPED[index].begin, (size_t)(SHIPPED[index].end - SHIPPED[index].begin))};
}

bool shipped_find(const char *name, struct shipped *shipped)
{
  for (uint32_t i = 0; i < SHIPPED_COUNT; i++) {
    *shipped = shipped_at(i);
    if (strcmp(shipped->name, name) == 0) return true;
  }
  return false;
}
