// cli_test.c: the troupe command: its arguments, what it prints, and processes that lie to it.
#include "command.h"

#define ADDRESS(slot) ((uint64_t)1 << 32 | (slot))

static command_run run;
static fake server;

TestSuite(cli, .init = command_setup, .fini = command_teardown, .timeout = 30);
TestSuite(cli_hostile, .init = command_setup, .fini = command_teardown, .timeout = 30);

static bool
has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void
exec_server(const char *a1, const char *a2, const char *a3)
{
    fake_listen(&server, "4711.sock");
    command_exec(&run, "--socket", server.path, a1, a2, a3);
    fake_stop(&server);
}

Test(cli, help_says_what_the_golden_file_says)
{
    static char golden[65536];
    command_read(getenv("TROUPE_HELP"), golden, sizeof golden);
    command_exec(&run, "--help", NULL, NULL, NULL, NULL);
    cr_expect(run.status == 0);
    cr_expect(strcmp(run.out, golden) == 0, "--help has changed: is tests/tools/help.golden too?");
    command_exec(&run, "help", NULL, NULL, NULL, NULL);
    cr_expect(strcmp(run.out, golden) == 0);
    command_exec(&run, "ps", "--help", NULL, NULL, NULL);
    cr_expect(run.status == 0 && strcmp(run.out, golden) == 0);
}

Test(cli, version_is_that_of_tool_and_protocol)
{
    command_exec(&run, "--version", NULL, NULL, NULL, NULL);
    cr_expect(run.status == 0);
    cr_expect(has(run.out, "troupe ") && has(run.out, "trace protocol 1"));
}

static void
expect_usage(const char *a1, const char *a2, const char *a3, const char *says)
{
    command_exec(&run, a1, a2, a3, NULL, NULL);
    cr_expect(run.status == 2, "%s: exit %d", says, run.status);
    cr_expect(has(run.err, says), "expected '%s' in: %s", says, run.err);
    cr_expect(run.out[0] == '\0');
}

Test(cli, wrong_arguments_are_named_with_the_nearest_right_one)
{
    expect_usage(NULL, NULL, NULL, "a command is missing");
    expect_usage("mialbox", NULL, NULL, "'mialbox'; did you mean 'mailbox'?");
    expect_usage("stat", NULL, NULL, "did you mean 'stats'?");
    expect_usage("xyzzy", NULL, NULL, "'xyzzy'; 'troupe --help' lists them");
    expect_usage("ps", "--jsno", NULL, "'--jsno'; did you mean '--json'?");
    expect_usage("a\033[2Jb", NULL, NULL, "'a\\x1b[2Jb'");
    expect_usage("mailbox", NULL, NULL, "mailbox wants an actor");
    expect_usage("tree", "more", NULL, "no place for 'more'");
    expect_usage("stats", "one", "more", "no place for 'more'");
    expect_usage("-p", NULL, NULL, "--pid wants a value");
    expect_usage("-p", "12x", "ps", "not '12x'");
    expect_usage("-p0", "ps", NULL, "--pid wants a number from 1");
    expect_usage("tree", "--limit", "3", "--limit does not go with 'tree'");
    expect_usage("ps", "--all", NULL, "--all does not go with 'ps'");
    expect_usage("--socket=/x", "-p1", "ps", "give one");
}

Test(cli, a_process_that_is_not_there_is_exit_3)
{
    char number[24];
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    cr_assert(waitpid(pid, NULL, 0) == pid);
    snprintf(number, sizeof number, "%ld", (long)pid);
    command_exec(&run, "-p", number, "ps", NULL, NULL);
    cr_expect(run.status == 3);
    cr_expect(has(run.err, "there is no process"), "%s", run.err);
    snprintf(number, sizeof number, "%ld", (long)getpid());
    command_exec(&run, "-p", number, "ps", NULL, NULL);
    cr_expect(run.status == 3);
    cr_expect(has(run.err, "cannot be looked into"), "%s", run.err);
    command_exec(&run, "--socket", "/nowhere/1.sock", "ps", NULL, NULL);
    cr_expect(run.status == 3, "exit %d", run.status);
}

Test(cli, several_processes_are_listed_and_one_must_be_chosen)
{
    static fake other;
    fake_hello(&server);
    fake_hello(&other);
    server.then_closes = true;
    other.then_closes = true;
    fake_listen(&server, "4711.sock");
    fake_listen(&other, "4712.sock");
    command_exec(&run, "ps", NULL, NULL, NULL, NULL);
    fake_stop(&server);
    fake_stop(&other);
    cr_expect(run.status == 2);
    cr_expect(has(run.err, "4711") && has(run.err, "4712") && has(run.err, "choose"), "%s",
              run.err);
}

Test(cli, a_folder_that_others_may_write_to_is_not_looked_into)
{
    char path[128];
    fake_hello(&server);
    fake_listen(&server, "4711.sock");
    snprintf(path, sizeof path, "%s/troupe", getenv("XDG_RUNTIME_DIR"));
    cr_assert(chmod(path, 0777) == 0);
    command_exec(&run, "-p", "4711", "ps", NULL, NULL);
    fake_stop(&server);
    cr_expect(run.status == 3, "exit %d", run.status);
}

Test(cli, ps_is_a_table_for_people)
{
    msgpack_packer packer;
    fake_hello(&server);
    fake_answer(&server, 2, &packer);
    msgpack_pack_map(&packer, 2);
    fake_text(&packer, "actors");
    msgpack_pack_array(&packer, 2);
    fake_actor(&packer, ADDRESS(7), 0, "short");
    fake_actor(&packer, ADDRESS(12), ADDRESS(7), "evil\033[2J\xff");
    fake_text(&packer, "next");
    msgpack_pack_nil(&packer);
    exec_server("ps", NULL, NULL);
    cr_expect(run.status == 0, "%s", run.err);
    cr_expect(has(run.out, "ID     NAME "), "%s", run.out);
    cr_expect(has(run.out, "#7.1   short "), "%s", run.out);
    cr_expect(has(run.out, "#12.1  evil\\x1b[2J\\xff "), "%s", run.out);
    cr_expect(strchr(run.out, '\033') == NULL);
}

Test(cli, ps_json_is_one_object_a_line)
{
    msgpack_packer packer;
    fake_hello(&server);
    fake_answer(&server, 2, &packer);
    msgpack_pack_map(&packer, 2);
    fake_text(&packer, "actors");
    msgpack_pack_array(&packer, 1);
    fake_actor(&packer, ADDRESS(12), ADDRESS(7), "a\"\\\n\xff");
    fake_text(&packer, "next");
    msgpack_pack_nil(&packer);
    exec_server("ps", "--json", NULL);
    cr_expect(run.status == 0, "%s", run.err);
    cr_expect(strcmp(run.out, "{\"id\":\"#12.1\",\"parent\":\"#7.1\","
                              "\"name\":\"a\\\"\\\\\\u000a\\ufffd\",\"state\":\"idle\"}\n") == 0,
              "%s", run.out);
}

Test(cli, tree_draws_children_below_their_parent)
{
    msgpack_packer packer;
    fake_hello(&server);
    fake_answer(&server, 2, &packer);
    msgpack_pack_map(&packer, 2);
    fake_text(&packer, "actors");
    msgpack_pack_array(&packer, 4);
    fake_actor(&packer, ADDRESS(1), 0, "root");
    fake_actor(&packer, ADDRESS(2), ADDRESS(1), "left");
    fake_actor(&packer, ADDRESS(3), ADDRESS(2), "leaf");
    fake_actor(&packer, ADDRESS(4), ADDRESS(1), "right");
    fake_text(&packer, "next");
    msgpack_pack_nil(&packer);
    exec_server("tree", "--all", NULL);
    cr_expect(run.status == 0, "%s", run.err);
    cr_expect(has(run.out, "\nroot ") && has(run.out, "\n├─ left ") &&
                  has(run.out, "\n│  └─ leaf ") && has(run.out, "\n└─ right "),
              "%s", run.out);
}

Test(cli, an_error_of_the_process_is_printed_and_says_what_it_means)
{
    // [1, 2, {code: 6, name: "ENOACTOR", message: "gone"}, nil]
    static const char gone[] = "\x94\x01\x02\x83\xa4"
                               "code\x06\xa4name\xa8"
                               "ENOACTOR\xa7message"
                               "\xa4gone\xc0";
    fake_hello(&server);
    fake_bytes(&server, gone, sizeof gone - 1);
    exec_server("mailbox", "#9.1", NULL);
    cr_expect(run.status == 3);
    cr_expect(strcmp(run.err, "troupe: gone (ENOACTOR)\n") == 0, "%s", run.err);
}

// The process says hello well and answers the question with these bytes.
static void
expect_status(const char *bytes, size_t size, bool closes, int status)
{
    memset(&server, 0, sizeof server);
    fake_hello(&server);
    fake_bytes(&server, bytes, size);
    server.then_closes = closes;
    exec_server("stats", NULL, NULL);
    unlink(server.path);
    cr_expect(run.status == status, "exit %d, not %d: %s", run.status, status, run.err);
    cr_expect(strncmp(run.err, "troupe: ", 8) == 0, "%s", run.err);
}
#define EXPECT_STATUS(literal, closes, status)                                                     \
    expect_status("" literal, sizeof(literal) - 1, closes, status)

Test(cli_hostile, answers_that_are_not_the_protocol_are_exit_4)
{
    EXPECT_STATUS("HTTP/1.1 400 Bad Request\r\n", false, 4);
    EXPECT_STATUS("\xc1", false, 4);
    EXPECT_STATUS("\x94\x01\x02\xc0\x01", false, 4); // the result is a number
    EXPECT_STATUS("\x94\x01\x63\xc0\x80", false, 4); // an answer to question 99
    EXPECT_STATUS("\x94\x00\x02\xc0\x80", false, 4); // a request
    EXPECT_STATUS("\x94\x01\x02\x01\xc0", false, 4); // an error without a message
    EXPECT_STATUS("\x94\x01\x02\xc0\x80\x94\x01\x03\xc0\x80", false, 4); // two answers
}

Test(cli_hostile, declared_lengths_are_not_believed)
{
    EXPECT_STATUS("\x94\x01\x02\xc0\xdb\x7f\xff\xff\xff", false, 4);
    EXPECT_STATUS("\x94\x01\x02\xc0\xc6\xff\xff\xff\xff", false, 4);
    EXPECT_STATUS("\xdd\xff\xff\xff\xff", false, 4);
    EXPECT_STATUS("\x94\x01\x02\xc0\xdf\xff\xff\xff\xff", false, 4);
    char deep[4096];
    memset(deep, 0x91, sizeof deep);
    deep[sizeof deep - 1] = 1;
    expect_status(deep, sizeof deep, false, 4);
}

Test(cli_hostile, half_an_answer_is_exit_4_and_none_exit_1)
{
    EXPECT_STATUS("\x94\x01\x02\xc0\x81\xa7wor", true, 4);
    EXPECT_STATUS("", true, 1);
}

Test(cli_hostile, a_process_that_does_not_answer_is_given_up_after_five_seconds)
{
    EXPECT_STATUS("\x94\x01\x02", false, 1);
    cr_expect(has(run.err, "no answer within 5.0s"), "%s", run.err);
}

Test(cli_hostile, a_list_that_does_not_go_on_ends)
{
    static const char page[] = "\x94\x01\x02\xc0\x82\xa6"
                               "actors\x90\xa4next\x00";
    fake_hello(&server);
    fake_bytes(&server, page, sizeof page - 1);
    exec_server("ps", NULL, NULL);
    cr_expect(run.status == 4, "%s", run.err);
}

Test(cli_hostile, a_tree_that_is_a_ring_is_drawn_once)
{
    msgpack_packer packer;
    fake_hello(&server);
    fake_answer(&server, 2, &packer);
    msgpack_pack_map(&packer, 2);
    fake_text(&packer, "actors");
    msgpack_pack_array(&packer, 4);
    fake_actor(&packer, ADDRESS(1), ADDRESS(3), "one");
    fake_actor(&packer, ADDRESS(2), ADDRESS(1), "two");
    fake_actor(&packer, ADDRESS(3), ADDRESS(2), "three");
    fake_actor(&packer, ADDRESS(4), ADDRESS(4), "self");
    fake_text(&packer, "next");
    msgpack_pack_nil(&packer);
    exec_server("tree", "--json", NULL);
    cr_expect(run.status == 0);
    size_t lines = 0;
    for (const char *at = run.out; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    cr_expect(lines == 4, "%s", run.out);
}

Test(cli_hostile, rows_of_the_wrong_kind_are_shown_as_far_as_they_can_be)
{
    static const char page[] = "\x94\x01\x02\xc0\x82\xa6"
                               "actors\x93\x01\x80\x82\xa4name\x05\xa2id"
                               "\xa1x\xa4next\xc0";
    fake_hello(&server);
    fake_bytes(&server, page, sizeof page - 1);
    exec_server("ps", NULL, NULL);
    cr_expect(run.status == 0, "%s", run.err);
}
