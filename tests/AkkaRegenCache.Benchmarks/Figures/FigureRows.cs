using System.Globalization;
using System.Text.Json;

namespace AkkaRegenCache.Benchmarks.Figures;

/// <summary>A row of the page: a figure that is made from a recording.</summary>
/// <param name="Recording">The recording's name.</param>
/// <param name="Section">The section it stands in.</param>
/// <param name="Figure">What is measured.</param>
/// <param name="Goal">The goal; a dash: there is none.</param>
/// <param name="Measured">Tells the figure from the recording's result.</param>
/// <param name="IsInReadme">Whether the README shows it.</param>
internal sealed record FigureRow(
    string Recording, string Section, string Figure, string Goal, Func<JsonElement, string> Measured, bool IsInReadme = false);

/// <summary>All rows that are made from recordings, in the order of the page.</summary>
internal static class FigureRows
{
    private const string Reads = "Reads and misses";
    private const string Schedules = "Schedules and coordinators";
    private const string Proof = "Simulation";

    /// <summary>The section of hit ratios, below which the page names where the traces come from.</summary>
    public const string HitRatios = "Hit ratio";

    public static FigureRow[] All { get; } =
    [
        new("hits", Reads, "A warm `GetOrCreateAsync` against a `ConcurrentDictionary`, one thread, 1,000 keys", "≤ 1.1 ×",
            r => $"{N(r, "classHitNs")} ns, {N(r, "hitBytes")} bytes; {Ratio(r, "classHitNs", "dictionaryNs")} × the dictionary",
            IsInReadme: true),
        new("hits", Reads, "The same through `IRegenCache`, short form", "≤ 1.6 ×",
            r => $"{N(r, "extensionHitNs")} ns, {Ratio(r, "extensionHitNs", "dictionaryNs")} ×"),
        new("hits", Reads, "The same through `IRegenCache`, with a state argument", "≤ 1.6 ×",
            r => $"{N(r, "hitNs")} ns, {Ratio(r, "hitNs", "dictionaryNs")} ×"),
        new("hits", Reads, "The same in an Akka cluster, with a state argument", "as above",
            r => $"{N(r, "clusterHitNs")} ns, {N(r, "clusterHitBytes")} bytes"),
        new("hits", Reads, "The same with options written at the call", "nothing measurable",
            r => $"{N(r, "inlineOptionsNs")} ns, the options' allocation included"),
        new("hits", Reads, "`ConcurrentDictionary.TryGetValue`, in the same run", "–", r => $"{N(r, "dictionaryNs")} ns"),
        new("hits", Reads, "`MemoryCache.TryGetValue`, in the same run", "–", r => $"{N(r, "memoryCacheNs")} ns"),
        new("hits", Reads, "Bytes that a warm read allocates", "0", r => $"{N(r, "hitBytes")}"),
        new("misses", Reads, "1,000 concurrent callers of one cold key, one run: per caller", "–",
            r => $"{N(r, "sharedUsPerCaller")} µs, {N(r, "sharedBytesPerCaller")} bytes"),
        new("misses", Reads, "100,000 cold keys, one after the other, a generator that does nothing: per key", "–",
            r => $"{N(r, "distinctUsPerCaller")} µs, {N(r, "distinctBytesPerCaller")} bytes"),
        new("misses", Reads, "`MemoryCache.GetOrCreateAsync` on the same keys, in the same run", "–",
            r => $"{N(r, "memoryCacheUsPerCaller")} µs, {N(r, "memoryCacheBytesPerCaller")} bytes"),
        new("blocked", Reads, "Synchronous callers of one cold key on all threads of the pool, fresh process, a generator that sleeps 100 ms",
            "last ≤ 300 ms",
            r => $"{N(r, "callers")} callers, {N(r, "runs")} run; the first answered after {N(r, "firstMs")} ms, the last after {N(r, "lastMs")} ms"),
        new("schedule", Schedules, "Active keys on one node, interval 10 s: memory per key, the value not counted", "≤ 300 bytes",
            r => $"{N(r, "keys")} keys: {N(r, "bytesPerKey")} bytes, of which {N(r, "keyStringBytes")} are the key's string"),
        new("schedule", Schedules, "The same: the in-memory store's record, value and remembered operations", "–",
            r => $"{N(r, "storeBytesPerKey")} bytes more"),
        new("schedule", Schedules, "The same: a due regeneration, processor time", "–", r => $"{N(r, "cpuUsPerRegeneration")} µs"),
        new("schedule", Schedules, "The same: the latest regeneration after its target. The measurement steps by 10 ms", "none later than the jitter",
            r => $"{N(r, "latestMs")} ms, jitter {N(r, "jitterMs")} ms"),
        new("schedule", Schedules, "The same: regenerations within the measured intervals. The jitter moves the last ones behind their end", "–",
            r => $"{N(r, "regenerations")} of {N(r, "targets")}, {N(r, "early")} too early"),
        new("simulation", Proof, "Random faults against the promises", "0 violations",
            r => $"{N(r, "seeds")} seeds, {N(r, "steps")} steps, {N(r, "violations")} violations", IsInReadme: true),
        new("simulation", Proof, "Speed of the simulator, one core", "≥ 200,000 steps/s", r => $"{N(r, "stepsPerSecond")} steps/s"),
    ];

    /// <summary>The rows of a recording that has as many as its run found to measure: hit ratios, scenarios of the farm lab.</summary>
    public static IEnumerable<FigureRow> Of(Recording recording)
    {
        if (recording.Name.StartsWith("lab-", StringComparison.Ordinal))
            return [OfLab(recording)];
        return recording.Name == "hitratio"
            ? recording.Result.EnumerateArray().Select(each => new FigureRow(
                recording.Name,
                HitRatios,
                $"{each.GetProperty("trace").GetString()}, capacity {N(each, "capacity")}",
                "above LRU",
                _ => $"{N(each, "hitRatio")} %, LRU {N(each, "lru")} %"))
            : [];
    }

    /// <summary>The row of a scenario of the farm lab, whose recordings are named <c>lab-…</c>.</summary>
    private static FigureRow OfLab(Recording recording)
    {
        var r = recording.Result;
        return new(
            recording.Name,
            "Farm lab",
            $"`{r.GetProperty("scenario").GetString()}`, mode `{r.GetProperty("mode").GetString()}`, {N(r, "nodes")} nodes",
            "no promise broken",
            Lab,
            IsInReadme: recording.Name is "lab-kill-holder-redis" or "lab-warm-redis");
    }

    private static string Lab(JsonElement r)
    {
        (string Name, string Text)[] known =
        [
            ("runs", "{0} runs"), ("idealRuns", "{0} expected"), ("accepted", "{0} accepted"), ("reads", "{0} reads"),
            ("waitedReads", "{0} waited"), ("errors", "{0} errors"), ("wrongAnswers", "{0} wrong answers"), ("waitAfterRunMsP50", "p50 {0} ms after the run"),
            ("waitAfterRunMsP99", "p99 {0} ms"), ("takeoverMs", "takeover {0} ms"), ("staleAfterHealMs", "up to date {0} ms after healing"),
            ("redisCommandsPerSecond", "{0} Redis commands/s"),
        ];
        var told = known
            .Where(each => r.TryGetProperty(each.Name, out var value) && value.ValueKind == JsonValueKind.Number)
            .Select(each => string.Format(CultureInfo.InvariantCulture, each.Text, N(r, each.Name))).ToList();
        told.Add($"{r.GetProperty("violations").GetArrayLength()} violations");
        if (r.GetProperty("goalsMissed").GetArrayLength() is > 0 and var missed)
            told.Add($"goals missed: {missed}");
        return string.Join(", ", told);
    }

    private static double Number(JsonElement result, string name) => result.GetProperty(name).GetDouble();

    private static string N(JsonElement result, string name) =>
        Number(result, name) is var number && Math.Abs(number) < 1000
            ? number.ToString("0.##", CultureInfo.InvariantCulture)
            : number.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Ratio(JsonElement result, string name, string of) =>
        (Number(result, name) / Number(result, of)).ToString("0.00", CultureInfo.InvariantCulture);
}
