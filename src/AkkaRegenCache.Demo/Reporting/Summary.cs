using System.Text;
using AkkaRegenCache.Demo.Farm;
using AkkaRegenCache.Demo.Load;

namespace AkkaRegenCache.Demo.Reporting;

/// <summary>Says in plain words what the run has shown, and precisely what was compared with what.</summary>
internal static class Summary
{
    public static string Of(Figures figures)
    {
        FarmStatistics farm = figures.Farm;
        LoadStatistics load = figures.Load;
        PlainStatistics plain = farm.Plain;
        long warm = farm.WaitsBecause(WaitReason.Warm);
        var text = new StringBuilder();

        Line("What was shown");
        Line($"  The clients got {load.Answered:N0} answers and checked each one: {load.Errors:N0} were wrong"
            + $", {load.OriginFailures:N0} were a failure of the origin, passed on.");
        foreach ((string kind, long count) in load.ErrorKinds)
            Line($"    wrong: {count:N0} x {kind}");
        if (load.Timeouts > 0)
            Line($"  {load.Timeouts:N0} requests were given up by the client, as no answer came within {NodeDirectory.ClientTimeout.TotalSeconds:0} s or before the demo ended.");
        Line($"  The oldest value any of them got was {load.OldestValue.TotalSeconds:0.0} s old; values are made again every "
            + $"{EntryLife.Interval.TotalSeconds:0} s and may live {EntryLife.Longest.TotalSeconds:0} s.");
        if (figures.NodeDied)
            Line($"  A node died half way, and {load.Retried:N0} tries that had reached it or still went there were made again elsewhere.");
        Line("");
        Line($"  The origin was called {figures.Origin.Calls:N0} times for {farm.Log.KnownKeys:N0} keys ({figures.Origin.Failures:N0} of the calls failed).");
        Line($"  Plain memory caches called it {figures.Origin.PlainCalls:N0} times for the same requests"
            + $" ({Ratio(figures.Origin.PlainCalls, figures.Origin.Calls)}).");
        Line($"  That was measured, not computed: on every node a Microsoft MemoryCache saw each request at the moment the node did, and");
        Line($"  each miss made a real call, beside the request. Its time to live is {EntryLife.Longest.TotalSeconds:0} s, the longest that a value lives here too,");
        Line($"  though here it is made again after {EntryLife.Interval.TotalSeconds:0} s. {plain.Misses - plain.MissesAlone:N0} of its {plain.Misses:N0} misses came while the same node was fetching");
        Line($"  the key already: caches that fetch once per node would have spared those calls, and not the other {plain.MissesAlone:N0}.");
        Line("");
        Line($"  {farm.Waited:N0} of {farm.Reads:N0} reads waited ({plain.Misses:N0} would have with the plain caches):");
        Line($"    {farm.WaitsBecause(WaitReason.Cold),7:N0}  because nobody in the farm had the value yet: the origin was asked, once for all of them;");
        Line($"    {farm.WaitsBecause(WaitReason.NewToNode),7:N0}  because their node didn't have it in memory yet: it read the shared store, or was storing it;");
        Line($"    {farm.WaitsBecause(WaitReason.Returned),7:N0}  because nobody had read the key for more than {EntryLife.Retention.TotalSeconds:0} s: its value was gone or ran out;");
        Line($"    {farm.WaitsBecause(WaitReason.UnreadHere),7:N0}  because nobody had read the key on their node for more than {EntryLife.Longest.TotalSeconds:0} s, and what it had ran out while the shard had no home;");
        Line($"    {warm,7:N0}  of warm keys{(warm == 0 ? ": no warm read waited." : ". There should be none.")}");
        Line("");
        Line("  Times, p50 / p99 / p99.9:");
        Line($"    at the clients, all requests       {Figures.Show(load.Times)}");
        Line($"    at the clients, keys the farm had  {Figures.Show(load.WarmTimes)}");
        Line($"    the caches alone, all reads        {Figures.Show(farm.CacheTimes)}");
        Line($"  Clients, nodes and origin share this machine's {Environment.ProcessorCount} processors, so the clients' times are mostly theirs.");
        Line($"  The longest that this machine stood still during the run: {Figures.Show(load.LongestStandstill)}.");
        return text.ToString();

        void Line(string line) => text.AppendLine(line);
    }

    private static string Ratio(long plain, long here) =>
        here == 0 ? "none here" : $"{(double)plain / here:0.0} times as many";
}
