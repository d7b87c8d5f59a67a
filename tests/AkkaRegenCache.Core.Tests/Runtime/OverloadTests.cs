using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>The bound on generations: what needs threads and a real clock. The rest is in the scenarios.</summary>
public sealed class OverloadTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly LogLines _log = new();

    [Fact]
    public async Task A_generator_that_asks_for_other_keys_waits_for_nobodys_place()
    {
        await using var cache = NewCache(queued: 0);
        var inner = 0;
        var outer = Enumerable.Range(0, 2).Select(i => cache.GetOrCreateAsync(
            $"outer{i}",
            async ct => $"outer of {await cache.GetOrCreateAsync("inner", MakeInner, cancellationToken: ct)} and {cache.GetOrAdd($"sync{i}", () => i, TimeSpan.FromHours(1), TimeSpan.FromHours(1))}").AsTask());

        var answers = await Task.WhenAll(outer).WaitAsync(s_patience);

        Assert.Equal(["outer of inner 1 and 0", "outer of inner 1 and 1"], answers);

        // A refresh as well, of a key that waits in the line for somebody else.
        var gate = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var other = NewCache(queued: 10);
        var busy = other.GetOrCreateAsync("busy", async ct => (await gate.Task) + await other.RefreshAsync("waits", _ => new ValueTask<string>(" refreshed"), cancellationToken: ct)).AsTask();
        var busyToo = other.GetOrCreateAsync("busy too", _ => new ValueTask<string>(gate.Task)).AsTask();
        var waits = other.GetOrCreateAsync("waits", _ => new ValueTask<string>("made")).AsTask();
        gate.SetResult("busy");
        Assert.Equal("busy refreshed", await busy.WaitAsync(s_patience));
        await busyToo.WaitAsync(s_patience);
        await waits.WaitAsync(s_patience);

        async ValueTask<string> MakeInner(CancellationToken cancellationToken)
        {
            // Both wait for it.
            await Task.Delay(50, cancellationToken);
            return $"inner {Interlocked.Increment(ref inner)}";
        }
    }

    [Fact]
    public async Task It_is_told_once_a_minute_and_names_the_options()
    {
        await using var cache = NewCache(queued: 0);
        var gate = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var busy = Enumerable.Range(0, 2).Select(i => cache.GetOrCreateAsync($"busy{i}", _ => new ValueTask<string>(gate.Task)).AsTask()).ToList();
        for (var i = 0; i < 10; i++)
        {
            var key = $"late{i}";
            await Assert.ThrowsAsync<RegenOverloadException>(() => cache.GetOrCreateAsync(key, _ => new ValueTask<string>("never")).AsTask());
        }

        gate.SetResult("");
        await Task.WhenAll(busy);
        var line = Assert.Single(_log.Of(LogLevel.Warning));
        Assert.Contains("'late0'", line, StringComparison.Ordinal);
        Assert.Contains(nameof(RegenCacheOptions.MaximumForegroundGenerations), line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, -1)]
    public void Bounds_that_make_no_sense_are_refused_by_name(int foreground, int queued)
    {
        var options = new RegenCacheOptions { MaximumForegroundGenerations = foreground, MaximumQueuedGenerations = queued };
        var error = Assert.ThrowsAny<Exception>(() => new RegenCache("bad", options));
        Assert.Contains(foreground == 0 ? nameof(options.MaximumForegroundGenerations) : nameof(options.MaximumQueuedGenerations), error.Message, StringComparison.Ordinal);
    }

    private RegenCache NewCache(int queued) =>
        new("overload", new RegenCacheOptions { MaximumForegroundGenerations = 2, MaximumQueuedGenerations = queued }, logger: _log);
}
