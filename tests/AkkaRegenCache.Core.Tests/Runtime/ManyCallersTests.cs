using System.Diagnostics;
using Xunit;
using Xunit.Abstractions;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>What many callers of one key cost does not grow faster than their number.</summary>
public sealed class ManyCallersTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Callers_who_leave_cost_as_much_each_however_many_there_are()
    {
        const int Few = 4000;
        const int Many = 32_000;
        await CancelAsync(Few);

        // The best of as many rounds as it takes: other load on the machine only makes a round slower, and no number of rounds makes a square a line.
        var few = double.MaxValue;
        var many = double.MaxValue;
        for (var round = 0; round < 20 && many / few is not (> 0 and < 32); round++)
        {
            few = Math.Min(few, await CancelAsync(Few));
            many = Math.Min(many, await CancelAsync(Many));
        }

        output.WriteLine($"{Few} callers leave in {few:0.0} ms, {Many} in {many:0.0} ms");

        // 8 where each costs the same, 64 where each costs as much as there are others.
        Assert.InRange(many / few, 0, 32);
    }

    private static async Task<double> CancelAsync(int callers)
    {
        await using var cache = new RegenCache("many");
        var mayEnd = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        var sources = Enumerable.Range(0, callers).Select(_ => new CancellationTokenSource()).ToList();
        var calls = sources.Select(source => cache.GetOrCreateAsync("key", _ => new ValueTask<int>(mayEnd.Task), cancellationToken: source.Token).AsTask()).ToList();
        var watch = Stopwatch.StartNew();
        foreach (var source in sources)
            source.Cancel();
        while (cache.Shell.Backlog != 0)
            await Task.Yield();
        var took = watch.Elapsed.TotalMilliseconds;
        mayEnd.SetResult(1);
        foreach (var call in calls)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        sources.ForEach(source => source.Dispose());
        return took;
    }
}
