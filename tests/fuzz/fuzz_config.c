/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's configuration file: refused with a message that names it, or whole. */
#include "fuzz.h"

#include "data/config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_CLOSE int fd = memfd_create("config", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", fd);
    struct config config, copy;
    struct err err = {.kind = ERR_NONE};
    if (config_load(path, &config, &err) < 0) {
        require(err.kind != ERR_NONE && strstr(err.msg, path) == err.msg);
        return 0;
    }
    require(config.istio_namespace[0] && config.proxy_image[0] && config.trust_domain[0]);
    require(json_is_object(config.proxy_config) && json_is_object(config.resources));
    require(json_is_array(config.image_pull_secrets));
    config_copy(&config, &copy);
    require(config_equal(&config, &copy));
    config_done(&copy);
    config_done(&config);
    return 0;
}
