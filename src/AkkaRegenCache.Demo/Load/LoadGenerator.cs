using System.Diagnostics;
using System.Net.Sockets;
using AkkaRegenCache.Demo.Farm;
using AkkaRegenCache.Demo.Origin;

namespace AkkaRegenCache.Demo.Load;

/// <summary>
/// Many clients: requests start when they are due, whether or not earlier ones have been answered, so that a slow answer is measured and
/// doesn't hold back (and hide) the requests behind it. Every answer is checked.
/// </summary>
internal sealed class LoadGenerator(
    KeySource keys, NodeDirectory nodes, OriginServer origin, FarmStatistics farm, LoadStatistics statistics, int rate, TimeSpan duration)
{
    private const int MostInFlight = 4000;
    private const int MostTries = 20;

    // How old a value may be when a client asks for it: its life, which begins when it is stored, and 2 s for the way to the store. What
    // came before, the time in which it was made, comes with the value: on a busy machine that is seconds. Timers that end a life can be
    // no more punctual than the machine, so the longest time it stood still is added.
    private static readonly TimeSpan OldestAllowed = EntryLife.Longest + TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(2);

    // The clients come over the first fifth of the run, at most 4 s, as a farm that starts is not hit by everybody at once.
    private readonly double _rampSeconds = Math.Min(4, duration.TotalSeconds / 5);
    private int _inFlight;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var pacer = new PeriodicTimer(Pace);
        long start = Stopwatch.GetTimestamp();
        TimeSpan elapsed = TimeSpan.Zero;
        long sent = 0;
        try
        {
            while (await pacer.WaitForNextTickAsync(cancellationToken))
            {
                TimeSpan before = elapsed;
                elapsed = Stopwatch.GetElapsedTime(start);
                statistics.Tick(elapsed - before - Pace);
                if (elapsed >= duration)
                    break;

                for (long due = DueBy(elapsed.TotalSeconds); sent < due && Volatile.Read(ref _inFlight) < MostInFlight; sent++)
                    _ = SendAsync(keys.Next());
            }
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C: the requests under way still get their answers.
        }

        for (long end = Stopwatch.GetTimestamp(); Volatile.Read(ref _inFlight) > 0 && Stopwatch.GetElapsedTime(end) < TimeSpan.FromSeconds(20);)
            await pacer.WaitForNextTickAsync(CancellationToken.None);
        for (int i = Volatile.Read(ref _inFlight); i > 0; i--)
            statistics.Timeout();
    }

    private long DueBy(double seconds) => (long)(seconds < _rampSeconds
        ? rate * seconds * seconds / (2 * _rampSeconds)
        : rate * (seconds - _rampSeconds / 2));

    private async Task SendAsync(int key)
    {
        Interlocked.Increment(ref _inFlight);
        try
        {
            await AskAsync($"k{(uint)key}");
        }
        catch (Exception error)
        {
            // Whatever else happens to a request is a wrong answer too, and must not vanish.
            statistics.Error($"{error.GetType().Name}: {error.Message}");
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    private async Task AskAsync(string key)
    {
        var path = new Uri("/item/" + key, UriKind.Relative);
        long start = Stopwatch.GetTimestamp();
        long asked = origin.Milliseconds;
        for (int attempt = 1; attempt <= MostTries; attempt++)
        {
            NodeDirectory.Target node = nodes.Pick();
            WaitReason reason = farm.Log.Begin(key, node.Number);
            try
            {
                using HttpResponseMessage response = await node.Client.GetAsync(path);
                string text = await response.Content.ReadAsStringAsync();
                if (response.Headers.TryGetValues(WebNode.ReadHeader, out IEnumerable<string>? read)
                    && ReadReport.Parse(read.First()) is { } report)
                {
                    farm.Read(report, reason);
                    if (response.IsSuccessStatusCode)
                        farm.Log.Succeeded(key, node.Number, atOnce: !report.Waited);
                    statistics.Answer(Stopwatch.GetElapsedTime(start), isCold: report.Waited && reason is WaitReason.Cold or WaitReason.Returned);
                }
                else
                {
                    statistics.Error("an answer that tells nothing of its read");
                }

                Check(key, asked, response.IsSuccessStatusCode, text);
                return;
            }
            catch (Exception error) when (error is HttpRequestException or IOException or SocketException)
            {
                // The connection broke or there is nobody: the next node is asked, and the time counts on.
                node.Failed();
                statistics.Retry();
            }
            catch (OperationCanceledException)
            {
                statistics.Timeout();
                return;
            }
        }

        statistics.Error($"no node could be reached in {MostTries} tries");
    }

    private void Check(string key, long asked, bool isSuccess, string text)
    {
        if (OriginAnswer.Find(text) is not { } answer || answer.Key != key || answer.IsFailure == isSuccess)
        {
            statistics.Error(isSuccess ? "not a value of the origin for the key" : $"the node answered: {text.Split('\n')[0]}");
            return;
        }

        if (answer.IsFailure)
        {
            statistics.OriginFailure();
            return;
        }

        long age = Math.Max(0, asked - answer.Milliseconds);
        statistics.Value(age);
        if (age - OriginAnswer.TimeToMake(text) > (OldestAllowed + statistics.LongestStandstill).TotalMilliseconds)
            statistics.Error("a value older than it may get");
    }
}
