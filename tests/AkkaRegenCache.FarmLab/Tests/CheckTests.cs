using AkkaRegenCache.FarmLab.Checking;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;
using Xunit;

namespace AkkaRegenCache.FarmLab.Tests;

/// <summary>A checker that can't fail is worth nothing: each is shown a run in which all is well, and the same with something wrong.</summary>
public sealed class CheckTests
{
    private static readonly ICheck[] s_all = [.. Checks.OfAnswers, .. Checks.OfTheFarm];

    [Fact]
    public void A_run_in_which_all_is_well_has_no_violation()
    {
        Assert.Empty(Violations(Good()));
    }

    [Fact]
    public void An_answer_of_another_key_is_found()
    {
        var recorded = Good();
        Finds<ValuesAreWhole>(1, recorded.Answer(recorded.Value(1), 500, key: "other"));
    }

    [Fact]
    public void A_damaged_answer_is_found()
    {
        var recorded = Good();
        Finds<ValuesAreWhole>(1, recorded.Answer(recorded.Value(1) with { Node = "n9.9" }, 500));
    }

    [Fact]
    public void An_answer_that_the_origin_never_gave_is_found() =>
        Finds<ValuesAreWhole>(1, Good().Answer(LabValue.Of(Recorded.Key, 77, 5, "n1.1", false, 0, 0), 500));

    [Fact]
    public void A_node_that_goes_back_is_found() => Finds<NeverBack>(6, Good().Answer(2, 1200).Answer(1, 1300));

    [Fact]
    public void Another_node_may_be_behind() => Assert.Empty(Found<NeverBack>(Good().Answer(2, 1200, "n1.1").Answer(1, 1201, "n2.1")));

    [Fact]
    public void Going_back_with_the_stores_new_life_is_allowed() =>
        Assert.Empty(Found<NeverBack>(Good().Answer(2, 1200).NewEpoch(1250).Answer(1, 1300)));

    [Fact]
    public void Going_back_from_a_value_without_a_token_to_the_one_before_is_found() => Finds<NeverBack>(
        6, Good().Answer(1, 100).Run(9, 200, token: 0, isAccepted: false).Answer(9, 300).Answer(1, 400));

    [Fact]
    public void A_pending_set_is_newer_than_what_was_made_without_the_store_once_it_is_taken() => Assert.Empty(Found<NeverBack>(
        Good().Set(5, 400, 410, isDone: false).Answer(5, 420).Run(6, 430, token: 0, isAccepted: false).Answer(6, 500)
            .Accept(5, 600_000, 600, isSet: true).Answer(5, 700)));

    [Fact]
    public void A_set_that_is_undone_is_found() => Finds<NeverUndone>(5, Good().Set(5, 400, 410).Answer(1, 411));

    [Fact]
    public void A_removal_that_is_undone_by_a_run_that_ended_after_it_is_found() =>
        Finds<NeverUndone>(5, Good().Run(6, 400, takes: 200, isAccepted: false).Remove(450, 460).Answer(6, 700));

    [Fact]
    public void Another_node_has_its_time_to_hear_of_a_change_and_no_more()
    {
        Assert.Empty(Found<NeverUndone>(Good().Set(5, 400, 410).Answer(1, 600, "n2.1")));
        Finds<NeverUndone>(5, Good().Set(5, 400, 410).Answer(1, 1500, "n2.1"));
    }

    [Fact]
    public void A_node_that_was_starved_has_so_much_longer_and_no_more()
    {
        // 90 ms too late.
        static Recorded Late() => Good().Set(5, 400, 410).Answer(1, 1500, "n2.1");
        Assert.Empty(Found<NeverUndone>(Late().Starved("n2.1", 900, 995)));
        Assert.Empty(Found<NeverUndone>(Late().Starved("n1.1", 420, 470).Starved("n2.1", 900, 945)));
        Finds<NeverUndone>(5, Late().Starved("n2.1", 900, 980));
    }

    [Fact]
    public void Neither_what_starved_another_node_counts_nor_another_time_nor_the_same_time_twice()
    {
        static Recorded Late() => Good().Set(5, 400, 410).Answer(1, 1500, "n2.1");
        Finds<NeverUndone>(5, Late().Starved("n3.1", 500, 1400));
        Finds<NeverUndone>(5, Late().Starved("n2.1", 0, 405).Starved("n2.1", 1510, 2500));
        Finds<NeverUndone>(5, Late().Starved("n1.1", 900, 980).Starved("n2.1", 900, 980).Starved("n2.1", 910, 970));
    }

    [Fact]
    public void A_pause_is_no_starvation()
    {
        // The grace after the pause has passed.
        static Recorded Paused() => Good().Set(5, 400, 410).Fault(FaultKind.Pause, 500, 1500, "n2.1").Answer(1, 2600, "n2.1");
        Finds<NeverUndone>(5, Paused().Starved("n2.1", 480, 1520));
        Assert.Equal(Recorded.At(1520) - Recorded.At(1500) + Recorded.At(500) - Recorded.At(480), Paused().Starved("n2.1", 480, 1520).Log.Starvation.Total);
        Assert.Empty(Found<NeverUndone>(Paused().Starved("n2.1", 1600, 1710)));
    }

    [Fact]
    public void After_an_outage_another_node_has_its_time_again_and_no_more()
    {
        static Recorded Outage() => Good().Set(5, 400, 410).Fault(FaultKind.StoreDown, 405, 3000);
        Assert.Empty(Found<NeverUndone>(Outage().Answer(1, 4900, "n2.1")));
        Finds<NeverUndone>(5, Outage().Answer(1, 5100, "n2.1"));
        Assert.Empty(Found<NeverUndone>(Outage().Answer(1, 5100, "n2.1").Starved("n2.1", 4000, 4110)));
        Finds<NeverUndone>(5, Outage().Answer(1, 5100, "n2.1").Starved("n2.1", 4000, 4090));
    }

    [Fact]
    public void A_set_that_the_store_has_lost_may_be_undone_and_one_that_it_kept_may_not()
    {
        Assert.Empty(Found<NeverUndone>(Good().Set(5, 400, 410).NewEpoch(420).Fault(FaultKind.StoreLost, 415, 420).Answer(1, 500)));
        Finds<NeverUndone>(5, Good().Set(5, 400, 410).NewEpoch(420).Fault(FaultKind.StoreDown, 415, 420).Answer(1, 500));
    }

    [Fact]
    public void A_pending_removal_binds_its_node_at_once_and_the_others_after_the_healing()
    {
        static Recorded Pending() => Good().Fault(FaultKind.StoreDown, 390, 3000).PendingRemoval(400, 410, "n1.1");
        Assert.Empty(Found<NeverUndone>(Pending().Answer(1, 4900, "n2.1")));
        Finds<NeverUndone>(5, Pending().Answer(1, 5100, "n2.1"));
        Finds<NeverUndone>(5, Pending().Answer(1, 420, "n1.1"));
        Assert.Empty(Found<NeverUndone>(Pending().Fault(FaultKind.Kill, 500, 500, "n1.1").Answer(1, 5100, "n2.1")));
    }

    [Fact]
    public void A_change_that_failed_undoes_nothing() =>
        Assert.Empty(Found<NeverUndone>(Good().Set(5, 400, 410, isDone: false).Answer(1, 500)));

    [Fact]
    public void Of_two_sets_the_older_one_shown_after_the_newer_has_returned_is_found() =>
        Finds<NeverUndone>(5, Good().Set(5, 400, 410).Set(6, 420, 430).Answer(5, 440));

    [Fact]
    public void A_stale_answer_is_found() => Finds<NeverTooOld>(3, Good().Answer(1, 50 + 1000 + 500 + 1100));

    [Fact]
    public void A_set_that_the_store_took_late_lives_from_then_on()
    {
        static Recorded Late() => Good().Set(5, 400, 410, isDone: false).Accept(5, 9_000_000, 9000, isSet: true);
        Assert.Empty(Found<NeverTooOld>(Late().Answer(5, 10_000)));
        Finds<NeverTooOld>(3, Late().Answer(5, 12_000));
    }

    [Fact]
    public void A_paused_node_may_show_what_it_had_but_not_for_long()
    {
        Assert.Empty(Found<NeverTooOld>(Good().Fault(FaultKind.Pause, 500, 2600, "n1.1").Answer(1, 2650)));
        Finds<NeverTooOld>(3, Good().Fault(FaultKind.Pause, 500, 2600, "n1.1").Answer(1, 3700));
    }

    [Fact]
    public void Tokens_that_go_back_are_found() => Finds<TokensIncrease>(1, Good().Accept(2, 1, 2000));

    [Fact]
    public void Tokens_of_another_life_may_begin_anew() => Assert.Empty(Found<TokensIncrease>(Good().Accept(2, 1, 2000, life: 1)));

    [Fact]
    public void A_commit_under_another_claim_is_found() =>
        Finds<CommittedUnderItsClaim>(1, Good().Run(3, 2100, isAccepted: false).Accept(3, 2_100_001, 2160));

    [Fact]
    public void A_value_committed_twice_is_found() => Finds<CommittedUnderItsClaim>(1, Good().Accept(2, 1_002_000, 3000));

    [Fact]
    public void A_set_may_be_accepted_twice_where_the_store_lost_its_data_in_between_and_only_there()
    {
        static Recorded Repeated() => Good().Set(5, 400, 410).Accept(5, 900_000, 900, isSet: true);
        Assert.Empty(Found<CommittedUnderItsClaim>(Repeated().Fault(FaultKind.StoreLost, 500, 600)));
        Finds<CommittedUnderItsClaim>(1, Repeated());
        Finds<CommittedUnderItsClaim>(1, Repeated().Fault(FaultKind.StoreDown, 500, 600));
        Finds<CommittedUnderItsClaim>(1, Repeated().Fault(FaultKind.StoreLost, 300, 390));
        Finds<CommittedUnderItsClaim>(1, Repeated().Fault(FaultKind.StoreLost, 950, 990));
    }

    [Fact]
    public void A_generated_value_may_not_be_accepted_twice_whatever_the_store_lost() => Assert.NotEmpty(
        Found<CommittedUnderItsClaim>(Good().Accept(2, 1_002_000, 3000).Fault(FaultKind.StoreLost, 1500, 1600)));

    [Fact]
    public void A_value_that_nobody_made_is_found() => Finds<CommittedUnderItsClaim>(1, Good().Accept(0, 3_000_000, 3000));

    [Fact]
    public void Two_results_in_an_interval_are_found() => Finds<OneAcceptedPerInterval>(2, Good().Run(3, 1300));

    [Fact]
    public void A_refresh_or_a_removal_explains_a_second_result()
    {
        Assert.Empty(Found<OneAcceptedPerInterval>(Good().Refresh(1290, 1400).Run(3, 1300)));
        Assert.Empty(Found<OneAcceptedPerInterval>(Good().Remove(1200, 1210).Run(3, 1300)));
    }

    [Fact]
    public void A_node_that_made_a_value_without_the_store_may_replace_it_early_and_is_counted()
    {
        var repair = Good().Fault(FaultKind.StoreDown, 1100, 1250).Run(3, 1200, token: 0, isAccepted: false).Run(4, 1300);
        Assert.Empty(Found<OneAcceptedPerInterval>(repair));
        Assert.Equal(1, OneAcceptedPerInterval.CountRepairs(repair.Log));
        Finds<OneAcceptedPerInterval>(2, Good().Run(3, 1200, token: 0, isAccepted: false).Run(4, 1300));
    }

    [Fact]
    public void A_run_for_nothing_is_found() => Finds<RunsAreAccountedFor>(2, Good().Run(3, 1300, isAccepted: false).Run(4, 3001));

    [Fact]
    public void A_crash_explains_one_run_and_not_two()
    {
        var crash = Good().Fault(FaultKind.Kill, 1310, 1310, "n1.1").Run(3, 1300, isAccepted: false).Run(9, 9001);
        Assert.Empty(Found<RunsAreAccountedFor>(crash));
        Finds<RunsAreAccountedFor>(2, crash.Run(4, 1400, "n2.1", isAccepted: false));
    }

    [Fact]
    public void An_outage_that_begins_just_before_the_commit_explains_a_run() => Assert.Empty(
        Found<RunsAreAccountedFor>(Good().Run(3, 1300, isAccepted: false).Fault(FaultKind.StoreDown, 1350.5, 1400).Run(4, 9001)));

    [Fact]
    public void A_warm_read_that_waits_is_found() => Finds<WarmNeverWaits>(3, Good().Answer(1, 300).Answer(2, 1001, waited: 50));

    [Fact]
    public void A_cold_read_may_wait() => Assert.Empty(Found<WarmNeverWaits>(Good().Answer(1, 10, "n7.1", waited: 40)));

    [Fact]
    public void A_caller_who_hangs_is_found()
    {
        Finds<NobodyHangs>(4, Good().Answer(1, 100, waited: 20_000));
        Assert.Empty(Found<NobodyHangs>(Good().Answer(1, 100, waited: 20_000).Starved("n1.1", 500, 13_000)));
    }

    [Fact]
    public void Nodes_that_do_not_agree_after_a_healing_are_found()
    {
        var recorded = Good();
        for (var at = 1100; at < 9000; at += 100)
            recorded.Answer(2, at, "n1.1").Answer(at < 4000 ? 1 : 2, at, "n2.1");
        Assert.Equal(2900, Convergence.StaleAfter(recorded.Log, Recorded.At(1000), TimeSpan.FromSeconds(1))!.Value, 0.1);
        for (var at = 9000; at < 12_000; at += 100)
            recorded.Answer(1, at, "n2.1");
        Assert.Equal(2900, Convergence.StaleAfter(recorded.Log, Recorded.At(1000), TimeSpan.FromSeconds(1))!.Value, 0.1);
        Assert.Null(Convergence.StaleAfter(recorded.Log, Recorded.At(9000), TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void Of_a_late_convergence_the_nodes_concerned_tell_how_long_they_were_starved()
    {
        var recorded = Good();
        for (var at = 1100; at < 9000; at += 100)
            recorded.Answer(2, at, "n1.1").Answer(at < 4000 ? 1 : 2, at, "n2.1");
        recorded.Starved("n2.1", 900, 1300).Starved("n2.1", 3850, 4200).Starved("n3.1", 2000, 3000);
        Assert.Equal(350, Convergence.StarvedMs(recorded.Log, Recorded.At(1000), 2000, 2900), 0.1);
        Assert.Equal(0, Convergence.StarvedMs(recorded.Log, Recorded.At(1000), 3000, 2900), 0.1);
    }

    [Fact]
    public void A_value_that_the_store_never_took_is_not_up_to_date()
    {
        var recorded = Good().Run(7, 1500, token: 0, isAccepted: false);
        Assert.Single(Convergence.Stale(recorded.Answer(7, 1600).Answer(2, 1600, "n2.1").Log, Recorded.At(1500)));
    }

    /// <summary>Two runs in two intervals, and answers from memory in between.</summary>
    private static Recorded Good() => new Recorded().Run(1, 0).Run(2, 1002).Answer(1, 60).Answer(1, 200).Answer(1, 250, "n2.1").Answer(2, 1100);

    private static List<Violation> Found<T>(Recorded recorded)
        where T : ICheck => [.. s_all.Single(check => check is T).Check(recorded.Log)];

    private static List<Violation> Violations(Recorded recorded) => [.. s_all.SelectMany(check => check.Check(recorded.Log))];

    private static void Finds<T>(int promise, Recorded recorded)
        where T : ICheck
    {
        var violation = Assert.Single(Found<T>(recorded));
        Assert.Equal(promise, violation.Promise);
    }
}
