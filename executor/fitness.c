/* Owns no state; logs what is missing, because nothing is served without it. */
#include "fitness.h"
#include "info.h"
#include "log.h"
#include "result.h"

static bool step_fits(const struct lang *lang, const char *name, const struct lang_step *step, uint64_t memory_bytes)
{
    int64_t wanted_mb = step->limits.memory_mb + step->memory_overhead_mb;
    if (memory_bytes == 0 || (uint64_t)wanted_mb <= memory_bytes >> 20)
        return true;
    log_event(LOG_ERROR, "a language asks for more memory than the container has: no job is taken",
              LOG_TEXT("language", lang->name), LOG_TEXT("step", name), LOG_INT("wanted_mb", wanted_mb),
              LOG_INT("container_mb", (int64_t)(memory_bytes >> 20)));
    return false;
}

static bool languages_fit(const struct lang_table *langs, const struct box_hello *hello)
{
    bool fit = true;
    for (size_t i = 0; i < langs->count; i++) {
        const struct lang *l = &langs->langs[i];
        fit &= step_fits(l, "run", &l->run, hello->memory_bytes);
        fit &= !l->compiled || step_fits(l, "compile", &l->compile, hello->memory_bytes);
    }
    return fit;
}

bool fitness_check(const struct box_hello *hello, enum box_tier min_tier, const struct lang_table *langs)
{
    cleanup_free char *missing = info_missing(hello);
    bool good = hello->tier >= min_tier && hello->tier != BOX_TIER_NONE;
    if (good)
        return languages_fit(langs, hello);
    log_event(LOG_ERROR, "isolation is below min-tier: no job is taken",
              LOG_TEXT("tier", result_tier_name(hello->tier)), LOG_TEXT("min_tier", result_tier_name(min_tier)),
              LOG_TEXT("missing", missing));
    return false;
}
