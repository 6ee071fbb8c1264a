// create.c: a runtime with its lanes and its trace server. The server is the outermost layer, so
// the public constructor and destructor stand here.
#include "actor/runtime.h"
#include "inspect/server.h"
#include "io/lane.h"

tr_err_t
tr_runtime_create(const tr_runtime_opts_t *opts, tr_runtime **out)
{
    tr_runtime *rt;
    tr_err_t err = tri_runtime_create(opts, &rt);
    if (err != TR_OK) {
        return err;
    }
    err = tri_lanes_create(rt, &rt->lanes);
    if (err != TR_OK) {
        goto fail;
    }
    if (opts != NULL && opts->inspect == TR_INSPECT_ON) {
        tri_inspect *server;
        err = tri_inspect_start(rt, &server);
        if (err != TR_OK) {
            goto fail;
        }
        rt->inspect = server;
    }
    *out = rt;
    return TR_OK;
fail:
    tr_runtime_destroy(rt);
    return err;
}

void
tr_runtime_destroy(tr_runtime *rt)
{
    if (rt != NULL) {
        tri_inspect_stop(rt->inspect);
        rt->inspect = NULL;
        tri_runtime_end(rt);
        tri_lanes_destroy(rt->lanes); // actors use them to their last moment
        tri_runtime_destroy(rt);
    }
}
