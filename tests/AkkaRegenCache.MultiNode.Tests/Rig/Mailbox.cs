using System.Collections.Concurrent;
using Akka.Actor;

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>An actor on each node that other nodes write to: it shows whether messages pass.</summary>
internal sealed class Mailbox
{
    private const string Name = "mailbox";
    private readonly ConcurrentDictionary<string, bool> _received = new();

    public Mailbox(ActorSystem system) => system.ActorOf(Props.Create(() => new Receiver(_received)), Name);

    public bool Has(string letter) => _received.ContainsKey(letter);

    /// <summary>Sends a letter to another node's mailbox, and names it.</summary>
    public static string Send(FarmNode from, FarmNode to)
    {
        var letter = Guid.NewGuid().ToString("N");
        from.System.ActorSelection(new RootActorPath(to.Address) / "user" / Name).Tell(letter);
        return letter;
    }

    private sealed class Receiver : ReceiveActor
    {
        public Receiver(ConcurrentDictionary<string, bool> received) => Receive<string>(letter => received[letter] = true);
    }
}
