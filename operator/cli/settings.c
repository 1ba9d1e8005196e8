/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/settings.h"

#include <stdlib.h>

int settings_load(const struct settings *settings, struct config *ret, struct err *err)
{
    AUTO(config_done) struct config config = {.revision = NULL};
    if (!settings->file)
        config_init(&config);
    else if (config_load(settings->file, &config, err) < 0)
        return -1;
    for (size_t i = 0; i < settings->sets.count; i++)
        if (config_assign(&config, settings->sets.items[i], err) < 0)
            return err_wrap(err, "--set %s", settings->sets.items[i]);
    *ret = config;
    config = (struct config){.revision = NULL};
    return 0;
}

void settings_done(struct settings *settings)
{
    free(settings->sets.items);
    settings->sets = (struct options_list){.items = NULL};
}
