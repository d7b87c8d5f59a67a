using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Akka.Actor;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// SIGTERM in a program without a Generic Host: since .NET 10 it ends a plain console program at once. Here the actor system leaves first.
/// </summary>
internal static class TerminationSignal
{
    /// <summary>How long the program has to come to its own end after the actor system has.</summary>
    private static readonly TimeSpan s_ownEnd = TimeSpan.FromSeconds(5);

    private const int TerminatedBySignal = 128 + 15;

    private static readonly ConditionalWeakTable<ActorSystem, PosixSignalRegistration> s_handled = [];

    /// <summary>Makes the signal end the actor system gracefully, and then the process. Several calls for one system are one.</summary>
    public static void Handle(ActorSystem system)
    {
        lock (s_handled)
        {
            if (s_handled.TryGetValue(system, out _))
                return;
            var registration = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
            {
                context.Cancel = true;
                _ = LeaveAsync(system);
            });
            s_handled.Add(system, registration);
            system.RegisterOnTermination(registration.Dispose);
        }
    }

    private static async Task LeaveAsync(ActorSystem system)
    {
        await CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClrExitReason.Instance).ConfigureAwait(false);
        await system.WhenTerminated.ConfigureAwait(false);

        // Whoever waits for the actor system ends by itself; nobody else would.
        await Task.Delay(s_ownEnd).ConfigureAwait(false);
        Environment.Exit(TerminatedBySignal);
    }
}
