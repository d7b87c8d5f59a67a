using System.Runtime.InteropServices;
using AkkaRegenCache.FarmLab.Wire;
using Microsoft.Extensions.Hosting;

namespace AkkaRegenCache.FarmLab.Node;

/// <summary>
/// Leaves as a web server behind a load balancer should: SIGTERM turns the readiness red and nothing else; when no request has come for
/// a while (the balancer has noticed), the host stops. A parent that has ended ends it at once.
/// </summary>
internal sealed class DrainingLifetime(IHostApplicationLifetime application) : IHostLifetime, IDisposable
{
    /// <summary>So long without a request, and the balancer is believed to have noticed.</summary>
    private static readonly TimeSpan s_quiet = TimeSpan.FromMilliseconds(250);

    /// <summary>Then it leaves whatever still comes.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly List<PosixSignalRegistration> _signals = [];
    private long _lastRequest;
    private int _underWay;
    private volatile bool _isLeaving;

    public bool IsLeaving => _isLeaving;

    public void RequestBegan()
    {
        Interlocked.Increment(ref _underWay);
        Volatile.Write(ref _lastRequest, LabClock.Now);
    }

    public void RequestEnded()
    {
        Volatile.Write(ref _lastRequest, LabClock.Now);
        Interlocked.Decrement(ref _underWay);
    }

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT])
        {
            _signals.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                _ = LeaveAsync();
            }));
        }

        _ = EndWithParentAsync();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var signal in _signals)
            signal.Dispose();
    }

    private static async Task EndWithParentAsync()
    {
        await ParentWatch.EndOfInputAsync();
        Environment.Exit(3);
    }

    private async Task LeaveAsync()
    {
        if (Interlocked.Exchange(ref _isLeaving, true))
            return;
        var last = LabClock.After(s_patience);
        Interlocked.CompareExchange(ref _lastRequest, LabClock.Now, 0);
        Volatile.Write(ref _lastRequest, Math.Max(Volatile.Read(ref _lastRequest), LabClock.Now));
        while (LabClock.Now < last
            && (Volatile.Read(ref _underWay) > 0 || LabClock.Since(Volatile.Read(ref _lastRequest)) < s_quiet))
        {
            await Task.Delay(10);
        }

        application.StopApplication();
    }
}
